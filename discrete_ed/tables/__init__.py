"""Tables of any kind: columns of categories, ordinals and numbers, their models, and scores of synthetic tables."""

from discrete_ed.tables.baselines import sample_gaussian_copula, sample_independent_columns
from discrete_ed.tables.bins import Bins
from discrete_ed.tables.columns import Column, TableSchema
from discrete_ed.tables.distances import ColumnDistance, PairDistances, marginal_distances, pair_distances
from discrete_ed.tables.encoding import TableEncoder
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.estimator import TableEstimator
from discrete_ed.tables.evaluation import TableEvaluation, TableScores, evaluate_tables
from discrete_ed.tables.privacy import Privacy, privacy
from discrete_ed.tables.reading import read_frame
from discrete_ed.tables.recognition import parse_types, recognise_columns
from discrete_ed.tables.saving import load_table_estimator, save_table_estimator
from discrete_ed.tables.two_sample import DetectionScore, detection_score
from discrete_ed.tables.utility import Utility, utility

__all__ = [
    "Bins",
    "Column",
    "ColumnDistance",
    "DetectionScore",
    "PairDistances",
    "Privacy",
    "TableEncoder",
    "TableEnergy",
    "TableEstimator",
    "TableEvaluation",
    "TableSchema",
    "TableScores",
    "Utility",
    "detection_score",
    "evaluate_tables",
    "load_table_estimator",
    "marginal_distances",
    "pair_distances",
    "parse_types",
    "privacy",
    "read_frame",
    "recognise_columns",
    "sample_gaussian_copula",
    "sample_independent_columns",
    "save_table_estimator",
    "utility",
]

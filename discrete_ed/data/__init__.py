"""Data: binary tables from files, densities in the plane, images."""

from discrete_ed.data.datasets import TableData, load_table_data
from discrete_ed.data.grey import grey_digits, read_grey
from discrete_ed.data.images import digits, read_images
from discrete_ed.data.reading import Reading
from discrete_ed.data.tables import Table, read_table
from discrete_ed.data.toy_digits import DigitToy
from discrete_ed.data.toys import TOYS, Toy

__all__ = [
    "TOYS",
    "DigitToy",
    "Reading",
    "Table",
    "TableData",
    "Toy",
    "digits",
    "grey_digits",
    "load_table_data",
    "read_grey",
    "read_images",
    "read_table",
]

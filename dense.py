import resource, numpy as np
import discrete_ed.ising.forecast as f
from discrete_ed.ising import recover_couplings
from discrete_ed.ising.packed_columns import PackedColumns
r=lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6
rng=np.random.default_rng(0)
x=rng.integers(0,2,(40000,100)).astype(np.uint8)
b=np.repeat(np.arange(4000),10)
print(r())
recover_couplings(x,'single-site','refit',blocks=b); print('blocks',r(), 'cells',x.size)

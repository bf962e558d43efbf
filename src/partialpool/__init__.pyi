from .datasets.load import dataset_names as dataset_names
from .datasets.load import load_dataset as load_dataset
from .design.scaling import PriorSet as PriorSet
from .errors import DataError as DataError
from .errors import DataWarning as DataWarning
from .errors import EngineError as EngineError
from .errors import FileError as FileError
from .errors import FormulaError as FormulaError
from .errors import PartialPoolError as PartialPoolError
from .errors import PartialPoolWarning as PartialPoolWarning
from .errors import PriorError as PriorError
from .errors import SamplingWarning as SamplingWarning
from .errors import SpecError as SpecError
from .fitting import Fit as Fit
from .fitting import build_model as build_model
from .fitting import fit as fit
from .fitting import load_fit as load_fit
from .fitting import priors as priors
from .spec.model import ModelSpec as ModelSpec
from .spec.modelfile import read_model_file as read_model_file
from .spec.priors import Prior as Prior
from .spec.terms import Group as Group

__version__: str

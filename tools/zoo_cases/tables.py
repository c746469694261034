"""Models of scikit-learn and LightGBM, fitted to random tables, and their conversion.

`MODELS` maps names to functions that give an estimator and the table to fit; labels are 0, 1, 2.
"""

import tempfile
import warnings

import numpy as np
import onnx
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn import (
    cluster, compose, decomposition, ensemble, feature_extraction, gaussian_process, linear_model,
    naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm)
from sklearn.base import is_classifier

import references
from inputs import graph_inputs

ROWS, COLUMNS = 120, 5
OPSETS = {"": 18, "ai.onnx.ml": 3}
WORDS = ["a", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "Ünder", "1st"]


def numbers(random):
    return random.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)


def gaps(random):
    table = numbers(random)
    table[random.random(table.shape) < 0.1] = np.nan
    return table


def sentences(random):
    return np.array([[" ".join(random.choice(WORDS, 6))] for _ in range(ROWS)], object)


def colours(random):
    return random.choice(["red", "green", "blue"], (ROWS, 2)).astype(object)


def lightgbm():
    from lightgbm import LGBMClassifier
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    update_registered_converter(
        LGBMClassifier, "LightGbmLGBMClassifier", calculate_linear_classifier_output_shapes,
        convert_lightgbm, options={"nocl": [True, False], "zipmap": [True, False, "columns"]})
    return LGBMClassifier(n_estimators=10, verbose=-1, num_threads=1)


def chain(*steps):
    return pipeline.make_pipeline(*steps)


MODELS = {
    "random_forest": (lambda: ensemble.RandomForestClassifier(10, random_state=0), numbers),
    "gradient_boosting": (lambda: ensemble.GradientBoostingClassifier(random_state=0), numbers),
    "lightgbm": (lightgbm, gaps),
    "isolation_forest": (
        lambda: ensemble.IsolationForest(n_estimators=10, random_state=0), numbers),
    "svc": (lambda: svm.SVC(), numbers),
    "svr": (lambda: svm.SVR(kernel="poly"), numbers),
    "logistic": (lambda: chain(
        preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(2),
        linear_model.LogisticRegression()), numbers),
    "neighbors": (lambda: neighbors.KNeighborsClassifier(3), numbers),
    "perceptron": (
        lambda: neural_network.MLPClassifier((16, 8), max_iter=50, random_state=0), numbers),
    "naive_bayes": (naive_bayes.GaussianNB, numbers),
    "gaussian_process": (gaussian_process.GaussianProcessRegressor, numbers),
    "k_means": (lambda: cluster.KMeans(3, n_init=1, random_state=0), numbers),
    "principal_components": (lambda: chain(
        preprocessing.RobustScaler(), decomposition.PCA(3), linear_model.Ridge()), numbers),
    "one_hot": (lambda: chain(
        compose.ColumnTransformer([("all", preprocessing.OneHotEncoder(), [0, 1])]),
        linear_model.LogisticRegression()), colours),
    "ordinal": (lambda: chain(
        preprocessing.OrdinalEncoder(), ensemble.RandomForestClassifier(5, random_state=0)),
        colours),
    "words": (lambda: chain(
        compose.ColumnTransformer(
            [("text", feature_extraction.text.TfidfVectorizer(
                lowercase=False, ngram_range=(1, 2)), 0)]),
        linear_model.LogisticRegression()), sentences),
}


def write(name, case):
    """Writes the case of a fitted and converted model, with onnxruntime's outputs for 7 rows."""
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    make, draw = MODELS[name]
    table = draw(random)
    estimator = make().fit(table, random.integers(0, 3, ROWS))
    kind = StringTensorType if table.dtype == object else FloatTensorType
    model = to_onnx(
        estimator, initial_types=[("table", kind([None, table.shape[1]]))], target_opset=OPSETS,
        options={id(estimator): {"zipmap": False}} if is_classifier(estimator) else None)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        references.write(case, f"{folder}/model.onnx", {graph_inputs(model)[0].name: table[:7]})

import ONNXOperators

/// The operators of this module: `ai.onnx.ml`, control flow, text, images and parameter updates. A test
/// compares the lists with the folder.
package enum OtherOperators {
  package static let forward: [any Operator.Type] = [
    Adagrad.self,
    Adam.self,
    ArrayFeatureExtractor.self,
    Binarizer.self,
    CastMap.self,
    CategoryMapper.self,
    ConcatFromSequence.self,
    DictVectorizer.self,
    FeatureVectorizer.self,
    If.self,
    ImageDecoder.self,
    Imputer.self,
    LabelEncoder.self,
    LabelEncoder1.self,
    LinearClassifier.self,
    LinearRegressor.self,
    Loop.self,
    Momentum.self,
    NonMaxSuppression.self,
    Normalizer.self,
    OneHotEncoder.self,
    OptionalGetElement.self,
    OptionalHasElement.self,
    OptionalOperator.self,
    RegexFullMatch.self,
    Scaler.self,
    Scan.self,
    Scan8.self,
    SequenceAt.self,
    SequenceConstruct.self,
    SequenceEmpty.self,
    SequenceErase.self,
    SequenceInsert.self,
    SequenceLength.self,
    SequenceMap.self,
    SplitToSequence.self,
    StringConcat.self,
    StringNormalizer.self,
    StringSplit.self,
    SVMClassifier.self,
    SVMRegressor.self,
    TfIdfVectorizer.self,
    TreeEnsemble.self,
    TreeEnsembleClassifier.self,
    TreeEnsembleRegressor.self,
    ZipMap.self,
  ]

  /// Operators of the private domain that appear in training steps only.
  package static let gradients: [any Operator.Type] = [
    AllReduce.self
  ]
}

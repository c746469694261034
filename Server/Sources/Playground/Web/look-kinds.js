// Kinds of operators: each has a colour in look.css.

/** The kinds in the order of the legend, with the names that it shows. */
export const kinds = {
  value: "input, output",
  product: "convolution, product",
  recurrent: "recurrent",
  attention: "attention",
  activation: "activation",
  normalization: "normalization",
  pool: "pool, reduction",
  arithmetic: "arithmetic",
  shape: "shape, selection",
  quantization: "quantization",
  control: "contains graphs",
  other: "other",
};

const rules = [
  ["attention", /Attention/],
  ["recurrent", /(LSTM|GRU|RNN)$/],
  ["normalization", /^LRN$|Norm/],
  ["quantization", /QuantizeLinear$|^DynamicQuantize/],
  ["product", /Conv|MatMul|Gemm|Einsum|MoE|LinearClassifier/],
  ["activation", /(Relu|elu|Elu|Sigmoid|Tanh|Softmax|Hardmax|Softplus|Softsign|wish|Mish|Shrink|Clip|Erf|SiLU|Dropout)$/],
  ["pool", /Pool|Reduce|ArgM|TopK|CumSum/],
  ["shape", /[Ss]hape|Transpose|Concat|Slice|Gather|queeze|Flatten|Split|Expand|Pad|Tile|Size|Identity|Cast|Resize|Upsample|Scatter|ToSpace|ToDepth|Range|Compress|Sequence|Embed|NonZero|OneHot|Trilu|Constant/],
  ["arithmetic", /^(QLinear)?(Abs|Add|And|Ceil|Cos|Div|Equal|Exp|Floor|Greater|GreaterOrEqual|IsInf|IsNaN|Less|LessOrEqual|Log|Max|Mean|Min|Mod|Mul|Neg|Not|Or|Pow|Reciprocal|Round|Sign|Sin|Sqrt|Sub|Sum|Where|Xor)$/],
];

/** The kind of a node. */
export function kindOf(node) {
  if (node.graphs.length) return "control";
  return rules.find(([, pattern]) => pattern.test(node.op))?.[0] ?? "other";
}

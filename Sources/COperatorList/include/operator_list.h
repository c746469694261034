#ifndef OPERATOR_LIST_H
#define OPERATOR_LIST_H

/// The list of the package's operators, a retained object of ONNXOperators. ONNXOps, which lists the
/// operators, implements it.
///
/// The linker finds it, no module imports it: when an operator changes, the interpreter and the
/// tools need not be compiled again, and in a clean build they are compiled beside the operators.
void *_Nonnull onnx_standard_operators(void);

#endif

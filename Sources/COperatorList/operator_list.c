#include "operator_list.h"

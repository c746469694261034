// The loops of nibbles.c for one instruction set. Parameters: TARGET, names ending in SUFFIX, a BLOCK that
// holds the numbers of a block, made by TABLE and read by PAIR, and the number of ROWS whose sums stay in
// registers.

TARGET static void NAMED(unpack, SUFFIX)(const ck_nibbles *p, size_t row, float *y) {
  const uint8_t *codes = p->codes + row * p->blocks * p->block / 2;
  for (size_t b = 0; b < p->blocks; b++) {
    const BLOCK table = TABLE(p->scales[row * p->blocks + b], zero_of(p, row, b));
    for (size_t k = 0; k < p->block; k += 32, codes += 16, y += 32)
      PAIR(table, codes, (sixteen *)y, (sixteen *)(y + 16));
  }
}
// ROWS rows, or the last one again where there are fewer.
TARGET static void NAMED(dot_some, SUFFIX)(const ck_nibbles *p, const float *x, size_t row,
                                      size_t rows, const float *start, float *y) {
  const uint8_t *codes[ROWS];
  const float *scales[ROWS];
  size_t own[ROWS];
  sixteen sum[ROWS];
  float done[ROWS];
  UNROLL for (int i = 0; i < ROWS; i++) {
    own[i] = row + ((size_t)i < rows ? i : rows - 1);
    codes[i] = p->codes + own[i] * p->blocks * p->block / 2;
    scales[i] = p->scales + own[i] * p->blocks;
    sum[i] = (sixteen){0};
    done[i] = 0;
  }
  const size_t block = p->block, blocks = p->blocks, depth = blocks * block;
  size_t k = 0;
  for (size_t b = 0; b < blocks; b++) {
    BLOCK table[ROWS];
    UNROLL for (int i = 0; i < ROWS; i++) table[i] = TABLE(scales[i][b], zero_of(p, own[i], b));
    for (const size_t end = k + block; k < end; k += 32) {
      const sixteen x0 = *(const sixteen *)(x + k), x1 = *(const sixteen *)(x + k + 16);
      UNROLL for (int i = 0; i < ROWS; i++) {
        sixteen even, odd;
        PAIR(table[i], codes[i] + k / 2, &even, &odd);
        sum[i] += x0 * even;
        sum[i] += x1 * odd;
      }
      if ((k + 32) % PIECE == 0 && k + 32 < depth) {
        UNROLL for (int i = 0; i < ROWS; i++) {
          const float total = total_of(&sum[i]);
          done[i] = k < PIECE ? total : total + done[i];
          sum[i] = (sixteen){0};
        }
      }
    }
  }
  UNROLL for (int i = 0; i < ROWS; i++) {
    if ((size_t)i >= rows) break;
    float total = total_of(&sum[i]);
    if (depth > PIECE) total += done[i];
    y[i] = start ? total + start[i] : total;
  }
}

TARGET static void NAMED(dot, SUFFIX)(const ck_nibbles *p, const float *x, size_t row, size_t rows,
                                      const float *start, float *y) {
  for (size_t i = 0; i < rows; i += ROWS)
    NAMED(dot_some, SUFFIX)
    (p, x, row + i, rows - i < ROWS ? rows - i : ROWS, start ? start + i : NULL, y + i);
}

#undef TARGET
#undef SUFFIX
#undef BLOCK
#undef TABLE
#undef PAIR
#undef ROWS

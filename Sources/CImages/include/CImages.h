// Thin shims over libpng and libjpeg, whose errors are long jumps.

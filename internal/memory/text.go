package memory

import "unsafe"

// Text returns bytes as a string, without a copy. They must never change again.
func Text(bytes []byte) string { return unsafe.String(unsafe.SliceData(bytes), len(bytes)) }

// Bytes returns a string as bytes, without a copy. They must never be changed.
func Bytes(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

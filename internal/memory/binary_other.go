//go:build !linux

package memory

// unmapBinary gives back the pages of the program file that the start has read. Only Linux can be asked to.
func unmapBinary() error { return nil }

//go:build !unix

package server

// openFiles is more than there is need for: here the system sets no limit of its own.
func openFiles() uint64 { return 2 * maxConnections }

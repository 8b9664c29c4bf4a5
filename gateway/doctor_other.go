//go:build !unix

package gateway

import "errors"

func freeBytes(string) (uint64, error) {
	return 0, errors.New("the free space of a disk cannot be looked up on this system")
}

func openFilesLimit() (uint64, bool) { return 0, false }

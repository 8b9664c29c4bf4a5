package memory

import (
	"bytes"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pieceOfBinary is what Linux maps at most around a page of the program file that is read, once the file is mapped
// in such pieces.
const pieceOfBinary = 32 << 10

// unmapBinary gives back the pages of the program file that the start has read: its packages are initialized once,
// and most of that is never looked at again. Linux reads a page again when the program needs it, usually from the
// page cache. Pages that the program may have written to stay.
//
// With a page Linux maps the 64 KiB around it, two thirds of which the program never reads. It does not map across
// the border of two mappings, so every second piece of the file is left out of core dumps, which makes it a mapping
// of its own. Core dumps have no pages of files in any case.
func unmapBinary() error {
	binary, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(maps) {
		var from, to uintptr
		var access, offset, device, inode, path string
		n, _ := fmt.Sscanf(string(line), "%x-%x %s %s %s %s %s",
			&from, &to, &access, &offset, &device, &inode, &path)
		if n < 7 || path != binary || access[1] == 'w' {
			continue
		}
		pages := unsafe.Slice((*byte)(unsafe.Add(nil, from)), to-from)
		for at := pieceOfBinary; at < len(pages); at += 2 * pieceOfBinary {
			if err := unix.Madvise(pages[at:min(at+pieceOfBinary, len(pages))], unix.MADV_DONTDUMP); err != nil {
				return err
			}
		}
		if err := unix.Madvise(pages, unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	return nil
}

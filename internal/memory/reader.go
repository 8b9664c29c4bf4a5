package memory

import (
	"bytes"
	"io"
)

const (
	// leastRead is the memory for a body or an answer of which nobody says how long it is.
	leastRead = 4 << 10
	// trusted is how much memory a declared length gets before its bytes have arrived.
	trusted = 64 << 10
)

// ReadAll reads to the end. declared is how many bytes there will be, or negative: it is believed little by little,
// as bytes arrive. reserve is asked before more memory is used, and may refuse. Beside an error is what was read
// until then.
func ReadAll(in io.Reader, declared int64, reserve func(bytes int64) error) (all []byte, err error) {
	size, growth := int64(leastRead), int64(2)
	if declared >= 0 {
		size, growth = min(declared+1, trusted), 4 // one more, to see the end without growing
	}
	for {
		if err := reserve(size - int64(cap(all))); err != nil {
			return all, err
		}
		all = append(make([]byte, 0, size), all...)
		for len(all) < cap(all) {
			n, err := in.Read(all[len(all):cap(all)])
			all = all[:len(all)+n]
			if err == io.EOF && len(all) < cap(all)/2 {
				all = bytes.Clone(all)
			}
			if err == io.EOF {
				return all, nil
			}
			if err != nil {
				return all, err
			}
		}
		if size *= growth; declared >= int64(len(all)) {
			size = min(size, declared+1)
		}
	}
}

package memory

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestReadAll(t *testing.T) {
	for _, length := range []int{0, 1, leastRead - 1, leastRead, leastRead + 1, trusted, trusted + 1, 1<<20 - 1, 1 << 20, 3<<20 + 7} {
		text := strings.Repeat("x", length)
		for name, declared := range map[string]int{"declared": length, "not declared": -1, "too little": length / 2, "too much": 2*length + 1} {
			for kind, in := range map[string]io.Reader{"at once": strings.NewReader(text), "the end with the last": iotest.DataErrReader(strings.NewReader(text)), "halves": iotest.HalfReader(strings.NewReader(text))} {
				reserved := int64(0)
				all, err := ReadAll(in, int64(declared), func(bytes int64) error { reserved += bytes; return nil })
				require.NoError(t, err)
				require.True(t, text == string(all), "%d bytes, %s, %s", length, name, kind)
				require.GreaterOrEqual(t, reserved, int64(len(all)))
				if declared == length {
					require.LessOrEqual(t, reserved, int64(length+1), "a length that was declared needs no more than that")
				}
				require.LessOrEqual(t, cap(all), max(2*length, leastRead)+1)
			}
		}
	}
}

func TestReadAllBelievesALengthAsBytesArrive(t *testing.T) {
	reserved := int64(0)
	none := errors.New("none left")
	all, err := ReadAll(io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), iotest.ErrReader(io.ErrUnexpectedEOF)), 1<<30,
		func(bytes int64) error { reserved += bytes; return nil })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, all, 100_000)
	require.LessOrEqual(t, reserved, int64(4*100_000))

	reserved = 0
	all, err = ReadAll(strings.NewReader(strings.Repeat("x", 1<<20)), -1, func(bytes int64) error {
		if reserved += bytes; reserved > 200_000 {
			return none
		}
		return nil
	})
	require.ErrorIs(t, err, none)
	require.Len(t, all, 128<<10)
}

package memory

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagesOfTheProgramAreGivenBack(t *testing.T) {
	before := fileMemory(t)
	require.NoError(t, unmapBinary())
	require.Less(t, fileMemory(t), before)
	require.NoError(t, unmapBinary(), "the program goes on")
}

func TestTheProgramIsMappedInPieces(t *testing.T) {
	require.NoError(t, unmapBinary())
	binary, err := os.Readlink("/proc/self/exe")
	require.NoError(t, err)
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	pieces := 0
	for line := range bytes.Lines(maps) {
		var from, to uint64
		var access string
		_, err := fmt.Sscanf(string(line), "%x-%x %s", &from, &to, &access)
		require.NoError(t, err)
		if bytes.Contains(line, []byte(binary)) && access[1] != 'w' {
			require.LessOrEqual(t, to-from, uint64(pieceOfBinary))
			pieces++
		}
	}
	require.Greater(t, pieces, 100)
}

// fileMemory returns how many kilobytes of the resident memory are pages of files.
func fileMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, found := bytes.Cut(status, []byte("RssFile:"))
	require.True(t, found)
	kilobytes, err := strconv.Atoi(string(bytes.Fields(after)[0]))
	require.NoError(t, err)
	return kilobytes
}

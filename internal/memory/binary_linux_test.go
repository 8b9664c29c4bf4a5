package memory

import (
	"bytes"
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

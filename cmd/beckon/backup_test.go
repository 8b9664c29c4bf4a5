package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A disk that fills leaves the backup that was there before, and nothing beside it.
func TestAFullDiskLeavesTheBackupBefore(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "copy.zst")
	require.NoError(t, os.WriteFile(name, []byte("before"), 0o600))
	err := writeWhole(context.Background(), name, nil, func(to io.Writer) error {
		_, err := to.Write([]byte("a part"))
		require.NoError(t, err)
		return syscall.ENOSPC
	})
	require.ErrorIs(t, err, syscall.ENOSPC)
	kept, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "before", string(kept))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

package freeport_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/freeport"
)

// The system gives nobody a port below 32768 who has not asked for that one, so that it stays free.
func TestAddressesAreFreeAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		address, err := freeport.Address()
		require.NoError(t, err)
		require.False(t, seen[address])
		seen[address] = true
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		defer l.Close()
		require.Less(t, l.Addr().(*net.TCPAddr).Port, 32768)
	}
}

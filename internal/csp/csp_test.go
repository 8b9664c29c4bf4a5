package csp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/csp"
)

// The example of https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/script-src
func TestHashAllowsOneScript(t *testing.T) {
	require.Equal(t, "'sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8='", csp.Hash("var inline = 1;"))
}

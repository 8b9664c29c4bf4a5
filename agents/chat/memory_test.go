package chat

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// While a model thinks, its request is held as the prompt alone; for another attempt it is written again.
func TestARequestIsHeldUntilItIsSent(t *testing.T) {
	body, written := strings.Repeat("why?", resendFrom/4), 0
	req := &http.Request{}
	setBody(req, func() []byte { written++; return []byte(body) })
	for i := range 3 {
		sent, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.True(t, body == string(sent))
		require.EqualValues(t, len(sent), req.ContentLength)
		require.Nil(t, req.Body.(*sentOnce).body, "it has let go of its bytes")
		require.Equal(t, i+1, written)
		req.Body, err = req.GetBody()
		require.NoError(t, err)
	}
	require.NoError(t, req.Body.Close(), "it may be closed before its end")
	require.Nil(t, req.Body.(*sentOnce).body)
	rest, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
}

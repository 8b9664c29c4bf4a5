package chat

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sashabaranov/go-openai"
	"github.com/stretchr/testify/require"
)

// While a model thinks, its request is held as the prompt alone; for another attempt it is encoded again.
func TestARequestIsHeldUntilItIsSent(t *testing.T) {
	request := openai.ChatCompletionRequest{Model: "m", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: strings.Repeat("why <\"é\">?", resendFrom/8)}}}
	encoded, err := json.Marshal(request)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(resendable(t.Context(), &request), http.MethodPost, "http://localhost", bytes.NewBuffer(encoded))
	require.NoError(t, err)
	holdOnce(req)
	for range 3 {
		sent, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.True(t, string(encoded) == string(sent))
		require.EqualValues(t, len(sent), req.ContentLength)
		require.Nil(t, req.Body.(*sentOnce).body, "it has let go of its bytes")
		req.Body, err = req.GetBody()
		require.NoError(t, err)
	}
	require.NoError(t, req.Body.Close(), "it may be closed before its end")
	require.Nil(t, req.Body.(*sentOnce).body)
	rest, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
}

func TestLongTextIsWhole(t *testing.T) {
	for _, piece := range []string{"", "x", "four", strings.Repeat("long ", 10_000), strings.Repeat("x", textBlock), strings.Repeat("x", 3*textBlock+1)} {
		var text longText
		for range 100 {
			text.WriteString(piece)
		}
		want := strings.Repeat(piece, 100)
		require.True(t, want == text.String())
		require.True(t, want == text.String(), "also when it is asked for twice")
	}
}

package deliveries_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/deliveries"
	"beckon/internal/units"
)

func TestRetryIsANameOrAList(t *testing.T) {
	for text, want := range map[string]deliveries.Retry{
		`"fast"`:       {Policy: "fast"},
		`["5s","30m"]`: {Waits: []units.Duration{units.Duration(5 * time.Second), units.Duration(30 * time.Minute)}},
	} {
		var fromYAML, fromJSON deliveries.Retry
		require.NoError(t, yaml.Unmarshal([]byte(text), &fromYAML))
		require.NoError(t, json.Unmarshal([]byte(text), &fromJSON))
		require.Equal(t, want, fromYAML)
		require.Equal(t, want, fromJSON)
		written, err := json.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, text, string(written))
	}
}

func TestCheck(t *testing.T) {
	for path, e := range map[string]deliveries.Endpoint{
		"":          {URL: "https://example.com/hook", Signature: "standard-ed25519", Retry: deliveries.Retry{Policy: "svix"}},
		"url":       {URL: "https://user:word@example.com/"},
		"signature": {URL: "https://example.com/", Signature: "rot13"},
		"retry":     {URL: "https://example.com/", Retry: deliveries.Retry{Policy: "never"}},
	} {
		found := e.Check()
		if path == "" {
			require.Empty(t, found)
			continue
		}
		require.Len(t, found, 1)
		require.Equal(t, path, found[0].Path)
		require.NotContains(t, found[0].Message, "word@")
	}
}

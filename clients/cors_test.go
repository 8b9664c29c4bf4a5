package clients_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
)

func TestOriginsAreWrittenAsBrowsersSendThem(t *testing.T) {
	check := func(origins ...string) error {
		return clients.Client{ID: "c", Passthrough: true, AllowedAgents: []string{"a"}, CORS: origins}.Check().Err()
	}
	require.NoError(t, check("https://app.example.com", "http://localhost:5173", "http://[::1]:8000", "https://xn--bcher-kva.example", "null", "capacitor://localhost"))
	for origin, says := range map[string]string{
		"*":                         "cors[1]: must not contain *",
		"https://*.example.com":     "cors[1]: must not contain *",
		"https://app.example.com/":  "cors[1]: must be written as browsers send it: https://app.example.com",
		"https://app.example.com/x": "as browsers send it: https://app.example.com",
		"https://App.Example.com":   "as browsers send it: https://app.example.com",
		"HTTPS://app.example.com":   "as browsers send it: https://app.example.com",
		"https://a.example:443":     "as browsers send it: https://a.example",
		"http://a.example:80":       "as browsers send it: http://a.example",
		"http://a.example:":         "as browsers send it: http://a.example",
		"https://a.example?x=1":     "as browsers send it: https://a.example",
		"https://bücher.example":    "xn--",
		"app.example.com":           "must be an origin such as",
		"https://":                  "must be an origin such as",
		"https://me@a.example":      "must be an origin such as",
		"":                          "must be an origin such as",
		"https://other.example":     "is there twice",
	} {
		require.ErrorContains(t, check("https://other.example", origin), says, origin)
	}
}

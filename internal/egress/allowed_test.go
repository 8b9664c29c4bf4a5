package egress_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

func TestOnlyAllowedURLsAreGot(t *testing.T) {
	allowed, _, err := egress.ParseAllowed([]string{"https://api.example.com/v1/", "https://*.example.org", "http://status.example.net:8080/a"})
	require.NoError(t, err)
	for url, may := range map[string]bool{
		"https://api.example.com/v1":               true,
		"https://api.example.com/v1/users?a=b#c":   true,
		"https://API.example.com:443/v1/users":     true,
		"https://api.example.com/v1/./x":           true,
		"https://api.example.com/v10":              false,
		"https://api.example.com/v1/../admin":      false,
		"https://api.example.com/v1/%2e%2e/admin":  false,
		"https://api.example.com/v1/..%2fadmin":    false,
		"https://api.example.com/v1/..;/admin":     false,
		"https://api.example.com/":                 false,
		"http://api.example.com/v1/users":          false,
		"https://api.example.com:8443/v1/users":    false,
		"https://api.example.com.evil.test/v1/":    false,
		"https://user:pw@api.example.com/v1/users": false,
		"https://a.example.org/":                   true,
		"https://a.b.example.org/c":                true,
		"https://example.org/":                     false,
		"https://evilexample.org/":                 false,
		"http://status.example.net:8080/a/b":       true,
		"http://status.example.net/a/b":            false,
		"/v1/users":                                false,
		"":                                         false,
	} {
		err := allowed.Check(url)
		require.Equal(t, may, err == nil, "%s: %v", url, err)
		if err != nil {
			require.ErrorAs(t, err, new(*egress.Refused))
		}
	}
	require.Error(t, egress.Allowed(nil).Check("https://api.example.com/"))
}

func TestWhatCannotBeAllowed(t *testing.T) {
	for _, bad := range []string{"api.example.com", "ftp://example.com", "https://*", "https://a.*.com/", "https://x:y@example.com/", "https://example.com/?a=b", ""} {
		_, at, err := egress.ParseAllowed([]string{"https://example.com/", bad})
		require.Error(t, err, bad)
		require.Equal(t, 1, at)
	}
}

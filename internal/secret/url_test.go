package secret_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/secret"
)

func TestShownURL(t *testing.T) {
	for raw, want := range map[string]string{
		"":                              "",
		"https://e.com":                 "https://e.com",
		"https://e.com/hook":            "https://e.com/hook",
		"https://e.com/a?":              "https://e.com/a?",
		"https://e.com/a?t=s3cret":      "https://e.com/a?t=•••",
		"https://e.com/a?v=1&t=s&&t=x#": "https://e.com/a?v=•••&t=•••&&t=•••#",
		"https://e.com?s3cret":          "https://e.com?•••",
		"https://e.com?s3cret==":        "https://e.com?•••",
		"https://e.com?=s3cret":         "https://e.com?•••",
		"https://u:s3cret@e.com/a@b":    "https://•••@e.com/a@b",
		"https://u:s3@cret@e.com?a@b=c": "https://•••@e.com?a@b=•••",
		"e.com?t=s3cret":                "e.com?t=•••",
		"https://e.com/%zz?t=s3cret":    "https://e.com/%zz?t=•••",
	} {
		shown := secret.ShownURL(raw)
		require.Equal(t, want, shown)
		require.Equal(t, want, secret.ShownURL(shown), "what is masked stays so")
		require.Equal(t, raw, secret.RevisedURL(raw, shown), "and comes back as what was kept")
		require.NotContains(t, shown, "s3")
	}
}

func TestRevisedURL(t *testing.T) {
	const kept = "https://e.com/a?t=one&v=1&t=two&bare"
	for wanted, want := range map[string]string{
		"https://e.com/a":                                   "https://e.com/a",
		"https://e.com/a?t=•••":                             "https://e.com/a?t=one",
		"https://e.com/a?t=new&v=•••":                       "https://e.com/a?t=new&v=1",
		"https://e.com/a?v=2&t=•••&t=•••&t=•••":             "https://e.com/a?v=2&t=one&t=two&t=•••",
		"https://e.com/a?t=%e2%80%A2%E2%80%A2%E2%80%A2&•••": "https://e.com/a?t=one&bare",
		"https://e.com/b?t=•••":                             "https://e.com/b?t=•••",
		"https://f.com/a?t=•••":                             "https://f.com/a?t=•••",
		"http://e.com/a?t=•••":                              "http://e.com/a?t=•••",
		"https://e.com/a?other=•••":                         "https://e.com/a?other=•••",
	} {
		require.Equal(t, want, secret.RevisedURL(kept, wanted))
	}
	for masked, want := range map[string]bool{kept: false, "https://e.com?t=•••": true, "https://e.com?t=%e2%80%a2%e2%80%a2%e2%80%a2": true} {
		require.Equal(t, want, secret.IsMaskedURL(masked))
	}
}

func TestRevisedHeaders(t *testing.T) {
	have := map[string]secret.String{"X-Key": "one", "x-other": "two"}
	wanted := map[string]secret.String{"x-key": secret.Mask, "X-Other": "", "X-New": secret.Mask, "X-Set": "three"}
	got := secret.RevisedHeaders(have, wanted)
	require.Equal(t, map[string]secret.String{"x-key": "one", "X-Other": "two", "X-New": secret.Mask, "X-Set": "three"}, got)
	require.Equal(t, secret.String(secret.Mask), wanted["x-key"], "what was asked for is as it was")
	require.Nil(t, secret.RevisedHeaders(have, nil))
}

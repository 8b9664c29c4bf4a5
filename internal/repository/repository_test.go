package repository_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/repository"
)

func TestPatterns(t *testing.T) {
	for pattern, names := range map[string]map[string]bool{
		"acme/app":   {"acme/app": true, "Acme/APP": true, "acme/app2": false, "acme/xapp": false, "acme/app/sub": false, "evil/acme/app": false},
		"acme/*":     {"acme/app": true, "ACME/App": true, "acme/group/app": false, "acmee/app": false, "acme": false},
		"acme/**":    {"acme/app": true, "acme/group/sub/app": true, "acme": false, "acmee/app": false},
		"acme/web-*": {"acme/web-app": true, "acme/webapp": false},
		"a.me/app":   {"a.me/app": true, "axme/app": false},
		"*/app":      {"acme/app": true, "acme/group/app": false},
	} {
		p, wrong := repository.Parse([]string{"other/one", pattern})
		require.Equal(t, -1, wrong, pattern)
		for name, want := range names {
			require.Equal(t, want, p.Match(name), "%s %s", pattern, name)
		}
	}
	for _, text := range []string{"", "acme", "acme/", "/acme", "acme//app", "acme/a b", "acme/(x|y)", "acme/..", "../acme", "https://github.com/acme/app"} {
		_, wrong := repository.Parse([]string{"acme/app", text})
		require.Equal(t, 1, wrong, text)
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string]bool{"acme/app": true, "acme/group/a.b_c-d": true, "acme": false, "acme/..": false, "../acme": false, "acme/./app": false, "acme/app?x": false,
		"acme/app#1": false, "acme/%2e%2e": false, "acme/app ": false, "acme/app\n": false, "": false} {
		require.Equal(t, want, repository.IsName(text), text)
	}
	require.True(t, repository.Place{Thing: repository.Issue, Number: "7"}.HasNumber())
	for _, p := range []repository.Place{{Number: "7"}, {Thing: repository.Issue}, {Thing: repository.Issue, Number: "0"}, {Thing: repository.Issue, Number: "7/x"}, {Thing: repository.Issue, Number: "-7"}} {
		require.False(t, p.HasNumber(), p)
	}
	require.True(t, repository.Place{Commit: "0123456789abcdef0123456789abcdef01234567"}.HasCommit())
	for _, commit := range []string{"", "0123456789", "0123456789abcdef0123456789abcdef0123456g", "0123456789ABCDEF0123456789abcdef01234567"} {
		require.False(t, repository.Place{Commit: commit}.HasCommit(), commit)
	}
}

package secret_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the previous key has sealed opens beside the new one, and only with the new one once it was sealed anew.
func TestReseal(t *testing.T) {
	old, err := sealer("old").Seal("sk-1", "providers/a")
	require.NoError(t, err)
	lost, err := sealer("other").Seal("sk-2", "providers/a")
	require.NoError(t, err)
	both := sealer("new").WithPrevious("old")
	opened, err := both.Open(old, "providers/a")
	require.NoError(t, err)
	require.Equal(t, "sk-1", opened.Reveal())
	_, err = both.Open(lost, "providers/a")
	require.Error(t, err)
	now, err := both.Seal("sk-3", "providers/a")
	require.NoError(t, err)
	require.Same(t, both, both.WithPrevious(""))

	text := `{"a":"` + old + `","b":"` + lost + `","c":"` + now + `","d":"sealed:v1:"}`
	anew, n, err := both.Reseal(text, "providers/a")
	require.NoError(t, err)
	require.Equal(t, 1, n, "what opens with neither key")
	require.NotContains(t, anew, old)
	require.Contains(t, anew, lost)
	require.Contains(t, anew, now)
	sealed := anew[len(`{"a":"`) : len(`{"a":"`)+len(old)]
	opened, err = sealer("new").Open(sealed, "providers/a")
	require.NoError(t, err)
	require.Equal(t, "sk-1", opened.Reveal())
	again, _, err := both.Reseal(anew, "providers/a")
	require.NoError(t, err)
	require.Equal(t, anew, again, "a second time changes nothing")
	_, n, err = both.Reseal(text, "providers/b")
	require.NoError(t, err)
	require.Equal(t, 3, n, "of another place")
}

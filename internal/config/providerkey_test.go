package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

func TestKeyOfAProvider(t *testing.T) {
	env := vars{"GOOD_API_KEY": "sk-good", "EMPTY_API_KEY": "", "HOME": "/root"}.get
	for written, want := range map[secret.String]secret.String{"": "", "sk-plain": "sk-plain", "${GOOD_API_KEY}": "sk-good", "x${GOOD_API_KEY}": "x${GOOD_API_KEY}"} {
		got, err := WithKey(agents.Provider{ID: "p", APIKey: written}, env)
		require.NoError(t, err)
		require.Equal(t, agents.Provider{ID: "p", APIKey: want}, got)
	}
	for written, says := range map[secret.String]string{"${HOME}": "only if the variable's name ends in _API_KEY", "${EMPTY_API_KEY}": "EMPTY_API_KEY is not set", "${NO_API_KEY}": "NO_API_KEY is not set"} {
		_, err := WithKey(agents.Provider{ID: "p", APIKey: written}, env)
		require.True(t, problem.Is(err, problem.Invalid))
		require.Contains(t, problem.Of(err).Detail, says)
	}
}

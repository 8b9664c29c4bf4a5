package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVariablesThatPageAndAPIMayName(t *testing.T) {
	for _, bad := range []string{"${HOME}", "A B", "1A", "sk-12"} {
		require.Len(t, complaints(t, "admin: {variables: [GOOD, '"+bad+"']}", vars{"HOME": "/root"}), 1, bad)
	}
	require.Equal(t, []string{"config.yaml:1: admin.variables[1]: must be the name of an environment variable such as OPENAI_API_KEY, without ${ }"},
		complaints(t, "admin: {variables: [GOOD, '${KEY}']}", vars{"KEY": "sk-s3cret"}))
	c := load(t, "", vars{"BECKON_ADMIN_VARIABLES": "A, B"})
	require.Equal(t, []string{"A", "B"}, c.Admin.Variables)
	apply, restart := Changes(load(t, "", nil), c)
	require.Equal(t, []string{"admin.variables"}, apply)
	require.Empty(t, restart)
}

package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/config"
)

// The page of settings says of each what it is for, by the comments of the example.
func TestEverySettingIsDescribed(t *testing.T) {
	c := &config.Config{}
	described := c.Settings()
	require.NotEmpty(t, described)
	for _, s := range described {
		require.Regexp(t, `^([A-Z]|\d).{9,}[^.]\.$`, s.Description, s.Key)
	}
}

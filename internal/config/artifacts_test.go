package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArtifactsAreBesideTheDatabase(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "data/artifacts",
		"database: {url: 'sqlite:/srv/b.db'}":   "/srv/artifacts",
		"database: {url: 'sqlite:b.db'}":        "artifacts",
		"database: {url: 'postgres://u:p@h/b'}": "data/artifacts",
		"database: {url: 'postgres://u:p@h/b'}\nartifacts: {url: 's3://b?region=x'}": "s3://b?region=x",
		"artifacts: {url: '/mnt/files'}":                                             "/mnt/files",
	} {
		c, err := Load(write(t, text+"\n"), vars{}.get, nouns(nil))
		require.NoError(t, err)
		require.Equal(t, want, c.ArtifactsURL(), text)
	}
}

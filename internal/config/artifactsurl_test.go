package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArtifactsURL(t *testing.T) {
	for url, want := range map[string]string{
		"": "", "/srv/files": "", "file:///srv/files": "",
		"s3://bucket?region=eu-central-1": "no support for buckets (-tags nobuckets): name a folder",
		"gs://bucket":                     "no support for buckets",
		"azblob://container":              "no support for buckets",
	} {
		require.Empty(t, artifactsURLMistake(url, true), url)
		if want == "" {
			require.Empty(t, artifactsURLMistake(url, false), url)
		} else {
			require.Contains(t, artifactsURLMistake(url, false), want)
		}
	}
	require.Contains(t, artifactsURLMistake("ftp://h/x", true), "s3://")
	require.Contains(t, artifactsURLMistake("ftp://h/x", false), "s3://")
}

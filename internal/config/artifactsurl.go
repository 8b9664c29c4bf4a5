package config

import (
	"slices"
	"strings"
)

// artifactsURLMistake says what is wrong with artifacts.url; "" is nothing. buckets says whether the program can
// reach buckets.
func artifactsURLMistake(url string, buckets bool) string {
	scheme, _, isURL := strings.Cut(url, "://")
	switch {
	case !isURL || scheme == "file":
		return ""
	case !slices.Contains([]string{"s3", "gs", "azblob"}, scheme):
		return "must be the path of a folder, or a URL that begins with file://, s3://, gs:// or azblob://"
	case !buckets:
		return "names a bucket, and this build of Beckon has no support for buckets (-tags nobuckets): " +
			"name a folder, or use a build without that tag"
	}
	return ""
}

//go:build !nobuckets

package gateway

// The kinds of buckets that artifacts.url may name, besides folders.
import (
	_ "gocloud.dev/blob/s3blob" // s3://

	_ "beckon/internal/azblob" // azblob://
	_ "beckon/internal/gcs"    // gs://
)

//go:build !nobuckets

package artifacts

import (
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
)

// sendInParts has S3's client send a file in parts from the first one on. By itself it reads 16 MiB into memory
// before it decides to.
func sendInParts(b *blob.Bucket) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		var s3 *awss3.Client
		var manager *transfermanager.Client
		if b.As(&s3) && as(&manager) {
			*manager = *transfermanager.New(s3, func(o *transfermanager.Options) {
				o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, 1
				o.RequestChecksumCalculation = s3.Options().RequestChecksumCalculation
			})
		}
		return nil
	}
}

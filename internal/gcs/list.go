package gcs

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"

	"gocloud.dev/blob/driver"
)

// listed is a page of a list: https://cloud.google.com/storage/docs/json_api/v1/objects/list
type listed struct {
	Items         []resource `json:"items"`
	Prefixes      []string   `json:"prefixes"`
	NextPageToken string     `json:"nextPageToken"`
}

// ListPaged implements driver.Bucket.
func (b *bucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	if err := before(opts.BeforeList); err != nil {
		return nil, err
	}
	query := url.Values{
		"prefix":     {escaped.Replace(opts.Prefix)},
		"delimiter":  {escaped.Replace(opts.Delimiter)},
		"maxResults": {strconv.Itoa(cmp.Or(opts.PageSize, 1000))},
		"pageToken":  {string(opts.PageToken)},
		"fields":     {"nextPageToken,prefixes,items(name,size,updated,md5Hash)"},
	}
	var page listed
	if err := b.json(ctx, b.objects()+"?"+query.Encode(), &page); err != nil {
		return nil, err
	}
	answer := &driver.ListPage{NextPageToken: []byte(page.NextPageToken)}
	for _, r := range page.Items {
		answer.Objects = append(answer.Objects, &driver.ListObject{
			Key: unescaped.Replace(r.Name), ModTime: r.Updated, Size: r.Size, MD5: r.md5()})
	}
	for _, prefix := range page.Prefixes {
		answer.Objects = append(answer.Objects, &driver.ListObject{Key: unescaped.Replace(prefix), IsDir: true})
	}
	slices.SortFunc(answer.Objects, func(a, b *driver.ListObject) int { return cmp.Compare(a.Key, b.Key) })
	return answer, nil
}

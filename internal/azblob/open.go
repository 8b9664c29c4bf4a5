package azblob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	azureblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"gocloud.dev/blob"
)

func init() { blob.DefaultURLMux().RegisterBucket("azblob", opener{}) }

type opener struct{}

// OpenBucketURL opens a URL such as azblob://container. The account, the service and the credentials come from the
// environment, as with Azure's own tools; the parameters of the URL come before them.
func (opener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	b, err := open(u)
	if err != nil {
		return nil, fmt.Errorf("open bucket azblob://%s: %w", u.Host, err)
	}
	return blob.NewBucket(b), nil
}

// place is where an account is.
type place struct {
	account, domain, protocol string
	cdn, emulator             bool
}

func open(u *url.URL) (*bucket, error) {
	connection := cmp.Or(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING"))
	key, sas := os.Getenv("AZURE_STORAGE_KEY"), os.Getenv("AZURE_STORAGE_SAS_TOKEN")
	p := place{
		account:  os.Getenv("AZURE_STORAGE_ACCOUNT"),
		domain:   cmp.Or(os.Getenv("AZURE_STORAGE_DOMAIN"), "blob.core.windows.net"),
		protocol: os.Getenv("AZURE_STORAGE_PROTOCOL"),
	}
	p.cdn, _ = strconv.ParseBool(os.Getenv("AZURE_STORAGE_IS_CDN"))
	p.emulator, _ = strconv.ParseBool(os.Getenv("AZURE_STORAGE_IS_LOCAL_EMULATOR"))
	if err := p.override(u.Query()); err != nil {
		return nil, err
	}
	if p.account != "" && key != "" || sas != "" || connection == "" {
		service, err := p.service()
		if err != nil {
			return nil, err
		}
		return openService(service, u.Host, p.account, key, sas)
	}
	return &bucket{client: func(name string) (*blockblob.Client, error) {
		return blockblob.NewClientFromConnectionString(connection, u.Host, escaped(name), nil)
	}}, nil
}

// openService opens a container with the key of its account, with a shared access signature, or as whoever the
// environment says the process is.
func openService(service, container, account, key, sas string) (*bucket, error) {
	address := func(name string) string { return runtime.JoinPaths(service, container, escaped(name)) }
	if account != "" && key != "" {
		shared, err := azureblob.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, errors.New("AZURE_STORAGE_KEY is not Base64")
		}
		return &bucket{client: func(name string) (*blockblob.Client, error) {
			return blockblob.NewClientWithSharedKeyCredential(address(name), shared, nil)
		}}, nil
	}
	if sas != "" {
		return &bucket{client: func(name string) (*blockblob.Client, error) {
			return blockblob.NewClientWithNoCredential(address(name)+"?"+strings.TrimPrefix(sas, "?"), nil)
		}}, nil
	}
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return &bucket{client: func(name string) (*blockblob.Client, error) {
		return blockblob.NewClient(address(name), identity, nil)
	}}, nil
}

// override takes the parameters of a URL.
func (p *place) override(query url.Values) (err error) {
	for name, values := range query {
		value := values[0]
		switch name {
		case "storage_account":
			p.account = value
		case "domain":
			p.domain = value
		case "protocol":
			p.protocol = value
		case "cdn":
			p.cdn, err = strconv.ParseBool(value)
		case "localemu":
			p.emulator, err = strconv.ParseBool(value)
		default:
			err = errors.New("unknown parameter: azblob:// takes storage_account, domain, protocol, " +
				"cdn, localemu and prefix")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

var accountForm = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// service is the URL of an account.
func (p *place) service() (string, error) {
	protocol := strings.ToLower(cmp.Or(p.protocol, "https"))
	switch {
	case !accountForm.MatchString(p.account):
		return "", errors.New("it has no account, of letters and digits: set AZURE_STORAGE_ACCOUNT")
	case p.emulator != (protocol == "http"), protocol != "http" && protocol != "https":
		return "", errors.New("protocol: it is https, and with localemu=true it is http")
	case p.emulator:
		return "http://" + p.domain + "/" + p.account, nil
	case p.cdn:
		return "https://" + p.domain, nil
	}
	return "https://" + p.account + "." + p.domain, nil
}

// escaped is a name in a URL. What Azure takes in no name is written as gocloud.dev/blob/azureblob writes it.
func escaped(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case r < ' ', r == 127, strings.ContainsRune(`"#%?\`, r),
			r == '/' && (i == len(key)-1 || strings.HasSuffix(key[:i], "..")):
			fmt.Fprintf(&b, "__0x%x__", r)
		default:
			b.WriteRune(r)
		}
	}
	return url.PathEscape(b.String())
}

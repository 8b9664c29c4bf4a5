package egress_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

const (
	badURL      = "must be a URL"
	badScheme   = "must begin with https://"
	badUser     = "user name"
	badFragment = "fragment"
	badHost     = "must have a host"
	badPort     = "must use port"
	badNumber   = "four decimal numbers"
	badZone     = "zone"
	badIPv6     = "in brackets"
)

func TestShape(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.com":                              "",
		"http://example.com/hook?key=s3cret":               "",
		"HTTPS://Example.COM:443/":                         "",
		"https://example.com.:8443/":                       "",
		"https://under_score.example/":                     "",
		"http://receiver:8080/hook":                        "",
		"https://bücher.example/":                          "",
		"https://[2606:4700::1111]:8443/":                  "",
		"https://8.8.8.8/":                                 "",
		"https://10.0.0.1/":                                "", // that takes a policy
		"https://localhost/":                               "",
		"https://example.com:/":                            "",
		"https://1e100.example/":                           "",
		"https://0xdead.example/":                          "",
		"https://xn--bcher-kva.example/":                   "",
		"https://example.com/" + strings.Repeat("p", 2028): "",
		"https://example.com/" + strings.Repeat("p", 2029): "2,048 bytes",
		"":                               badScheme,
		"example.com/hook":               badScheme,
		"//example.com/hook":             badScheme,
		"ftp://example.com/":             badScheme,
		"file:///etc/passwd":             badScheme,
		"gopher://127.0.0.1:6379/_x":     badScheme,
		"unix:///run/docker.sock":        badScheme,
		"javascript:alert(1)":            badScheme,
		"ws://example.com/":              badScheme,
		"https:example.com":              badHost,
		"https:///hook":                  badHost,
		"https://":                       badHost,
		"https://:8443/":                 badHost,
		"https://./":                     badHost,
		"https://../":                    badHost,
		"https://example..com/":          badHost,
		"https://example.com../":         badHost,
		"https://.example.com/":          badHost,
		"https://exa$mple.com/":          badHost,
		"https://127.0.0.1,example.com/": badHost,
		"https://" + strings.Repeat("a", 64) + ".com/":           badHost,
		"https://" + strings.Repeat("a.", 127) + "com/":          badHost,
		"https://a\u2028b.example/":                              badHost,
		"https://user@example.com/":                              badUser,
		"https://user:s3cret@example.com/":                       badUser,
		"https://@example.com/":                                  badUser,
		"https://:@example.com/":                                 badUser,
		"https://example.com@127.0.0.1/":                         badUser,
		"https://example.com/#part":                              badFragment,
		"https://example.com/#":                                  badFragment,
		"https://example.com#@127.0.0.1/":                        badFragment,
		"https://example.com:22/":                                badPort,
		"https://example.com:0/":                                 badPort,
		"https://example.com:1023/":                              badPort,
		"https://example.com:1024/":                              "",
		"https://example.com:65535/":                             "",
		"https://example.com:65536/":                             badPort,
		"https://example.com:65616/":                             badPort, // 80 in 16 bits
		"https://example.com:99999999999999999999/":              badPort,
		"https://example.com:http/":                              badURL,
		"https://example.com:-1/":                                badURL,
		" https://example.com/":                                  badURL,
		"https://example.com/ ":                                  badURL,
		"https://exam ple.com/":                                  badURL,
		"https://example.com/\n":                                 badURL,
		"https://example.com\t/":                                 badURL,
		"https://example.com\x00.evil.example/":                  badURL,
		"https://example.com\\@127.0.0.1/":                       badURL,
		"https:\\\\127.0.0.1/":                                   badURL,
		"https://%31%32%37.0.0.1/":                               badURL,
		"https://example.com/%zz":                                badURL,
		"https://2130706433/":                                    badNumber,
		"https://2130706433./":                                   badNumber,
		"https://0177.0.0.1/":                                    badNumber,
		"https://0177.1/":                                        badNumber,
		"https://017700000001/":                                  badNumber,
		"https://0x7f.1/":                                        badNumber,
		"https://0X7F.0.0.1/":                                    badNumber,
		"https://0x7f000001/":                                    badNumber,
		"https://127.0x1/":                                       badNumber,
		"https://127.0.0.0x/":                                    badNumber,
		"https://127.1/":                                         badNumber,
		"https://127.0.1/":                                       badNumber,
		"https://127.0.0.01/":                                    badNumber,
		"https://127.000.000.001/":                               badNumber,
		"https://0/":                                             badNumber,
		"https://256.256.256.256/":                               badNumber,
		"https://1.2.3.4.5/":                                     badNumber,
		"https://example.1/":                                     badNumber,
		"https://①②⑦.⓪.⓪.①./":                                    "", // 127.0.0.1, which takes a policy to refuse
		"https://２１３０７０６４３３/":                                    badNumber,
		"https://127。1/":                                         badNumber,
		"https://[fe80::1%25eth0]/":                              badZone,
		"https://[::1%25lo]/":                                    badZone,
		"https://[fe80::1%eth0]/":                                badURL,
		"https://::1/":                                           badURL,
		"https://[::1/":                                          badURL,
		"https://[127.0.0.1]/":                                   badURL,
		"https://[example.com]/":                                 badURL,
		"https://[::1]@example.com/":                             badURL,
		"https://[::g]/":                                         badURL,
		"https://[v1.x]/":                                        badURL,
		"https://[0:0:0:0:0:ffff:0177.0.0.1]/":                   badURL,
		"https://[2606:4700::1]:22/":                             badPort,
		"https://s3cret.example:22/?token=s3cret#s3cret":         badFragment,
		"https://s3cret:s3cret@[::1%25s3cret]/?s3cret#s3cret":    badUser,
		"https://x/?" + strings.Repeat("s3cret", 400) + "#" + "": "2,048 bytes",
	} {
		t.Run(url[:min(len(url), 60)], func(t *testing.T) {
			err := egress.CheckShape(url)
			if want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, want)
			require.NotContains(t, err.Error(), "s3cret")
			require.Equal(t, err, guardOf("0.0.0.0/0", "::/0").CheckURL(url), "no policy allows what is wrong in itself")
		})
	}
}

// Every spelling of an address that a URL may have, with what it says when nothing is allowed.
func TestLiteralAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"https://8.8.8.8/":                   "",
		"https://8.8.8.8./":                  "",
		"https://[::ffff:8.8.8.8]/":          "",
		"https://[64:ff9b::8.8.8.8]/":        "",
		"https://example.com/":               "",
		"https://localhost.example.com/":     "",
		"https://notlocalhost/":              "",
		"http://127.0.0.1/":                  "127.0.0.1 is a loopback",
		"http://127.0.0.1./":                 "127.0.0.1 is a loopback",
		"http://127.127.127.127:8080/":       "loopback",
		"http://127。0。0。1/":                  "127.0.0.1 is a loopback",
		"http://①②⑦.⓪.⓪.①/":                  "127.0.0.1 is a loopback",
		"http://１２７.０.０.１/":                  "127.0.0.1 is a loopback",
		"http://[::1]/":                      "::1 is a loopback",
		"http://[0:0:0:0:0:0:0:1]/":          "::1 is a loopback",
		"http://[::ffff:127.0.0.1]/":         "loopback",
		"http://[::FFFF:7F00:1]/":            "loopback",
		"http://[0:0:0:0:0:ffff:7f00:0001]/": "loopback",
		"http://[::127.0.0.1]/":              "IPv4-compatible",
		"http://[64:ff9b::7f00:1]/":          "translation of 127.0.0.1",
		"http://[2002:7f00:1::]/":            "6to4",
		"http://[::]/":                       "this machine",
		"http://0.0.0.0/":                    "this machine",
		"http://169.254.169.254/latest/":     "metadata",
		"http://[fd00:ec2::254]/latest/":     "private network",
		"http://100.64.0.1/":                 "provider's NAT",
		"http://10.0.0.1/?token=s3cret":      "10.0.0.1 is an address of a private network; to allow it, list 10.0.0.1/32 in egress.allowPrivate",
		"http://localhost/":                  "localhost is a name of this machine",
		"http://LOCALHOST:8080/":             "localhost is a name of this machine",
		"http://localhost./":                 "localhost is a name of this machine",
		"http://ｌocalhost/":                  "localhost is a name of this machine",
		"http://hook.localhost/":             "hook.localhost is a name of this machine",
		"http://a.b.LocalHost./":             "a.b.localhost is a name of this machine",
	} {
		t.Run(url, func(t *testing.T) {
			err := guardOf().CheckURL(url)
			if want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, want)
			require.NotContains(t, err.Error(), "s3cret")
			require.NoError(t, egress.CheckShape(url))
		})
	}
	for _, network := range []string{"127.0.0.0/8", "127.0.0.1/32", "::1/128", "::/0"} {
		require.NoError(t, guardOf(network).CheckURL("http://localhost:8080/"), network)
		require.NoError(t, guardOf(network).CheckURL("http://hook.localhost/"), network)
	}
	requireRefused(t, guardOf("10.0.0.0/8").CheckURL("http://localhost:8080/"))
	require.NoError(t, guardOf("127.0.0.0/8").CheckURL("http://[::ffff:127.0.0.1]:8080/"))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"beckon/bench/process"
	"beckon/internal/freeport"
)

const (
	nodes   = 3
	haproxy = "/usr/sbin/haproxy"
)

// cluster is PostgreSQL on three nodes: Patroni on each, one etcd, and HAProxy, which leads to the primary.
type cluster struct {
	folder  string
	bin     string // the folder of PostgreSQL's programs
	proxy   string // the address of HAProxy
	etcd    string
	user    *user.User // who runs PostgreSQL; nil is the user of this process
	nodes   []*node
	support []*process.Process // etcd and HAProxy
}

// URL is that of the database, on whichever node is the primary.
func (c *cluster) URL() string {
	return "postgres://postgres:postgres@" + c.proxy + "/postgres?sslmode=disable&connect_timeout=3"
}

// startCluster starts all of it, and returns when all nodes are there.
func startCluster(ctx context.Context, folder string) (c *cluster, err error) {
	c = &cluster{folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if err := errors.Join(c.find(), os.MkdirAll(folder, 0o700)); err != nil {
		return c, err
	}
	addresses := make([]string, 3+2*nodes)
	for i := range addresses {
		if addresses[i], err = freeport.Address(); err != nil {
			return c, err
		}
	}
	c.proxy, c.etcd = addresses[0], addresses[1]
	for i := range nodes {
		c.nodes = append(c.nodes, &node{name: fmt.Sprintf("node%d", i+1), database: addresses[3+2*i], api: addresses[4+2*i]})
	}
	if err := c.startEtcd(ctx, addresses[2]); err != nil {
		return c, err
	}
	if err := c.startProxy(ctx); err != nil {
		return c, err
	}
	for _, n := range c.nodes {
		if err := c.startNode(ctx, n); err != nil {
			return c, err
		}
		if n == c.nodes[0] { // it makes the database, and the others copy it
			if _, err := c.awaitPrimary(ctx, nil); err != nil {
				return c, err
			}
		}
	}
	return c, c.awaitComplete(ctx)
}

// find finds PostgreSQL's programs and the user who runs them: it refuses to run as root.
func (c *cluster) find() error {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is a good one
	if len(found) == 0 {
		return errors.New("PostgreSQL's server is not installed: apt-get install postgresql")
	}
	c.bin = filepath.Dir(found[len(found)-1])
	for _, program := range []string{"patroni", "etcd", haproxy, "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: apt-get install patroni python3-etcd etcd-server haproxy", err)
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	var err error
	if c.user, err = user.Lookup("postgres"); err != nil {
		return err
	}
	return nil
}

// asUser is a command that runs as the user of PostgreSQL, in the same process.
func (c *cluster) asUser(command process.Command) process.Command {
	if c.user == nil {
		return command
	}
	command.Args = append([]string{"--reuid=" + c.user.Uid, "--regid=" + c.user.Gid, "--clear-groups", command.Path}, command.Args...)
	command.Path = "setpriv"
	return command
}

func (c *cluster) log(name string) string { return filepath.Join(c.folder, name+".log") }

func (c *cluster) startEtcd(ctx context.Context, peer string) error {
	p, err := process.Start(ctx, process.Command{Name: "etcd", Path: "etcd", Log: c.log("etcd"), Args: []string{
		"--name=etcd", "--data-dir=" + filepath.Join(c.folder, "etcd"), "--listen-client-urls=http://" + c.etcd,
		"--advertise-client-urls=http://" + c.etcd, "--listen-peer-urls=http://" + peer,
		"--initial-advertise-peer-urls=http://" + peer, "--initial-cluster=etcd=http://" + peer,
	}})
	if err != nil {
		return err
	}
	c.support = append(c.support, p)
	return p.Ready(ctx, "http://"+c.etcd+"/health")
}

const proxyConfig = `global
	maxconn 1000
defaults
	mode tcp
	timeout connect 2s
	timeout client 1h
	timeout server 1h
	timeout check 2s
listen primary
	bind %s
	option httpchk OPTIONS /primary
	http-check expect status 200
	default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
`

func (c *cluster) startProxy(ctx context.Context) error {
	var text strings.Builder
	fmt.Fprintf(&text, proxyConfig, c.proxy)
	for _, n := range c.nodes {
		_, port, _ := net.SplitHostPort(n.api)
		fmt.Fprintf(&text, "\tserver %s %s check port %s\n", n.name, n.database, port)
	}
	path := filepath.Join(c.folder, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return err
	}
	command := process.Command{Name: "HAProxy", Path: haproxy, Args: []string{"-db", "-f", path}, Log: c.log("haproxy")}
	p, err := process.Start(ctx, command)
	if err != nil {
		return err
	}
	c.support = append(c.support, p)
	return nil
}

// stop ends all of it. The standbys end before the primary, so that none of them takes its place.
func (c *cluster) stop() (err error) {
	for _, n := range c.nodes {
		if n.patroni != nil {
			err = errors.Join(err, n.patroni.Stop())
		}
	}
	for _, p := range c.support {
		err = errors.Join(err, p.Stop())
	}
	return err
}

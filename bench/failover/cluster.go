package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"beckon/bench/process"
	"beckon/internal/freeport"
)

const (
	nodes = 3
	// clusterPatience is how long the cluster may take to be complete again. A node that returns may have to copy the
	// database.
	clusterPatience = 3 * time.Minute
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

// node is one PostgreSQL server with its Patroni.
type node struct {
	name, database, api string // addresses
	patroni             *process.Process
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
	for _, program := range []string{"patroni", "etcd", "/usr/sbin/haproxy", "setpriv"} {
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
	p, err := process.Start(ctx, process.Command{Name: "HAProxy", Path: "/usr/sbin/haproxy", Args: []string{"-db", "-f", path}, Log: c.log("haproxy")})
	if err != nil {
		return err
	}
	c.support = append(c.support, p)
	return nil
}

const nodeConfig = `scope: beckon
name: %[1]s
restapi: {listen: "%[3]s", connect_address: "%[3]s"}
etcd3: {host: "%[4]s"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    maximum_lag_on_failover: 1048576
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 300, shared_buffers: 64MB, wal_keep_size: 256MB}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
  pg_hba: ["host all all 127.0.0.1/32 md5", "host replication all 127.0.0.1/32 md5"]
postgresql:
  listen: "%[2]s"
  connect_address: "%[2]s"
  data_dir: %[5]s/data
  bin_dir: %[6]s
  pgpass: %[5]s/pgpass
  parameters: {unix_socket_directories: %[5]s}
  authentication:
    superuser: {username: postgres, password: postgres}
    replication: {username: replicator, password: replicator}
    rewind: {username: rewind, password: rewind}
`

// startNode starts the Patroni of a node, which starts its PostgreSQL.
func (c *cluster) startNode(ctx context.Context, n *node) error {
	folder := filepath.Join(c.folder, n.name)
	config := filepath.Join(folder, "patroni.yaml")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(nodeConfig, n.name, n.database, n.api, c.etcd, folder, c.bin)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	if c.user != nil {
		uid, _ := strconv.Atoi(c.user.Uid) // on Linux they are numbers
		gid, _ := strconv.Atoi(c.user.Gid)
		for _, path := range []string{c.folder, folder, config} {
			if err := os.Chown(path, uid, gid); err != nil {
				return err
			}
		}
	}
	var err error
	n.patroni, err = process.Start(ctx, c.asUser(process.Command{Name: "Patroni of " + n.name, Path: "patroni", Args: []string{config}, Log: c.log(n.name)}))
	return err
}

// kill ends a node as a power cut would: its Patroni and all processes of its PostgreSQL.
func (c *cluster) kill(n *node) error {
	text, err := os.ReadFile(filepath.Join(c.folder, n.name, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		return err
	}
	n.patroni.Kill()
	if err := syscall.Kill(postmaster, syscall.SIGKILL); err != nil {
		return err
	}
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// member is what Patroni says of a node.
type member struct {
	Name, Role, State string
	Lag               any // bytes, or "unknown"
}

// members asks one node after the other.
func (c *cluster) members(ctx context.Context) (list []member, err error) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, n := range c.nodes {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.api+"/cluster", nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			continue
		}
		var answer struct{ Members []member }
		err = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close()
		if err == nil {
			return answer.Members, nil
		}
	}
	return nil, errors.New("no Patroni answers")
}

// awaitPrimary waits until a node other than before is the primary.
func (c *cluster) awaitPrimary(ctx context.Context, before *node) (primary *node, err error) {
	err = eventually(ctx, clusterPatience, "there is no primary", func() bool {
		list, err := c.members(ctx)
		if err != nil {
			return false
		}
		for _, m := range list {
			for _, n := range c.nodes {
				if n.name == m.Name && n != before && m.Role == "leader" && m.State == "running" {
					primary = n
				}
			}
		}
		return primary != nil
	})
	return primary, err
}

// awaitComplete waits until all nodes are there, none of them behind, and one of them a synchronous standby.
func (c *cluster) awaitComplete(ctx context.Context) error {
	var last []member
	err := eventually(ctx, clusterPatience, "the cluster is not complete", func() bool {
		list, err := c.members(ctx)
		if err != nil {
			return false
		}
		last = list
		roles := map[string]int{}
		for _, m := range list {
			if m.State != "running" && m.State != "streaming" {
				return false
			}
			if lag, isNumber := m.Lag.(float64); m.Role != "leader" && (!isNumber || lag > 1<<20) {
				return false
			}
			roles[m.Role]++
		}
		return len(list) == nodes && roles["leader"] == 1 && roles["sync_standby"] == 1
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, last)
	}
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

// eventually asks ten times a second whether something is so.
func eventually(ctx context.Context, patience time.Duration, otherwise string, isSo func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s after %s", otherwise, patience))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !isSo() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

package cuda

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// logged is a log that counts its lines.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.FieldsFunc(l.text.String(), func(r rune) bool { return r == '\n' })
}

func testCache(t *testing.T, o CacheOptions) (*cache, *logged) {
	l := new(logged)
	o.Log = slog.New(slog.NewTextHandler(l, nil))
	c := newCache(o)
	t.Cleanup(c.close)
	return c, l
}

func entryOf(text string) entry {
	sum := sha256.Sum256([]byte(text))
	return entry{"unit", hex.EncodeToString(sum[:]), ".cubin"}
}

// wants gets an entry and checks what comes and whether it was made.
func wants(t *testing.T, c *cache, e entry, data string, made bool) {
	t.Helper()
	path, got, cached, err := c.get(e, func() ([]byte, error) { return []byte(data), nil })
	if err != nil || string(got) != data || cached == made {
		t.Fatalf("%q, cached %v, %v", got, cached, err)
	}
	if file, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(file, []byte(data)) {
		t.Fatalf("the file: %q, %v", file, err)
	}
}

// TestCacheDamage: an entry that is not what it should be is never used. It is discarded with
// one line in the log, and made again.
func TestCacheDamage(t *testing.T) {
	c, log := testCache(t, CacheOptions{Dir: filepath.Join(t.TempDir(), "made", "by it")})
	e, other := entryOf("a"), entryOf("b")
	wants(t, c, e, "machine code", true)
	wants(t, c, other, "of another", true)
	whole, _ := os.ReadFile(c.path(e))
	foreign, _ := os.ReadFile(c.path(other))
	sealed, err := seal([]byte("machine code"), other.key)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	for what, file := range map[string][]byte{
		"empty": {}, "one byte": whole[:1], "the trailer alone": whole[len("machine code"):],
		"half": whole[:len(whole)/2], "one byte less": whole[:len(whole)-1], "one byte more": append(bytes.Clone(whole), 0),
		"a bit of the code": flip(3), "a bit of the key": flip(-40), "a bit of the checksum": flip(-1),
		"another's": foreign, "its code under another's key": sealed, "the code alone": []byte("machine code"),
		"the checksum of before": append([]byte("machine code"), whole[len(whole)-sha256.Size:]...),
	} {
		if err := os.WriteFile(c.path(e), file, 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(log.lines())
		wants(t, c, e, "machine code", true)
		if lines := log.lines()[before:]; len(lines) != 1 || !strings.Contains(lines[0], "discarded") {
			t.Errorf("%s: the log says %q", what, lines)
		}
		wants(t, c, e, "machine code", false)
	}
}

// TestCacheFails: what can't be made is not kept.
func TestCacheFails(t *testing.T) {
	c, _ := testCache(t, CacheOptions{Dir: t.TempDir()})
	bad := errors.New("does not compile")
	if _, _, _, err := c.get(entryOf("a"), func() ([]byte, error) { return nil, bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
	wants(t, c, entryOf("a"), "it does now", true)
}

// TestCacheShared: of many that want the same at once one makes it, each on a cache of its own
// as processes have; and who reads while others write, and damage, sees whole entries.
func TestCacheShared(t *testing.T) {
	dir := t.TempDir()
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		c, _ := testCache(t, CacheOptions{Dir: dir})
		wg.Go(func() {
			_, data, _, err := c.get(entryOf("a"), func() ([]byte, error) {
				made.Add(1)
				time.Sleep(20 * time.Millisecond)
				return []byte("a"), nil
			})
			if err != nil || string(data) != "a" {
				t.Error(string(data), err)
			}
		})
	}
	wg.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
	large := strings.Repeat("machine code ", 10_000)
	for n := range 6 {
		c, _ := testCache(t, CacheOptions{Dir: dir, Bytes: int64(len(large))}) // each removes the others'
		wg.Go(func() {
			for i := range 100 {
				text := fmt.Sprint(i % 3)
				if n == 0 {
					_ = os.WriteFile(c.path(entryOf(text)), []byte("damage"), 0o600)
				} else if _, data, _, err := c.get(entryOf(text), func() ([]byte, error) { return []byte(large + text), nil }); err != nil || string(data) != large+text {
					t.Errorf("%d bytes, %v", len(data), err)
				}
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(dir, temporary+"*")); len(left) > 0 {
		t.Error(left)
	}
}

// TestCachePrune: the folder stays within its limit, by what was used last; nothing else that
// lies there is touched.
func TestCachePrune(t *testing.T) {
	dir := t.TempDir()
	size := int64(100 + trailerSize)
	c, _ := testCache(t, CacheOptions{Dir: dir, Bytes: 3 * size})
	put := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, 10_000), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mine := []string{put("important.so"), put("thesis-0123456789abcdef01234567.tex"), put("tmp-notes")}
	fresh := put("tmp-1234")
	crumb := put("tmp-5678")
	old := time.Now().Add(-2 * time.Hour)
	for _, path := range append(mine, crumb) {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	data := strings.Repeat("x", 100)
	for i := range 3 {
		wants(t, c, entryOf(fmt.Sprint(i)), data, true)
		at := old.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(c.path(entryOf(fmt.Sprint(i))), at, at); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, c, entryOf("0"), data, false) // so that 1 is the oldest
	wants(t, c, entryOf("3"), data, true)
	for i, there := range []bool{true, false, true, true} {
		if _, err := os.Stat(c.path(entryOf(fmt.Sprint(i)))); (err == nil) != there {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	for _, path := range append(mine, fresh) {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(crumb); err == nil {
		t.Error("what a process left two hours ago is still there")
	}
	small, _ := testCache(t, CacheOptions{Dir: dir, Bytes: 1})
	wants(t, small, entryOf("larger than the limit"), data, true)
	wants(t, small, entryOf("larger than the limit"), data, false)
}

// TestCacheFolder: where the folder can't be used that is a warning, and all else goes on.
func TestCacheFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{
		"a file is in the way": filepath.Join(file, "cache"), "everybody may write": open,
		"no files can be made": "/proc/self", "a full disk": full(t), "read only": readOnly(t),
	} {
		if dir == "" {
			t.Logf("%s: can't be had here", what)
			continue
		}
		c, log := testCache(t, CacheOptions{Dir: dir})
		large := strings.Repeat("machine code ", 20_000)
		for _, text := range []string{"a", "b"} {
			wants(t, c, entryOf(text), large+text, true)
			wants(t, c, entryOf(text), large+text, false) // this process has it
		}
		if lines := log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "not kept on disk") {
			t.Errorf("%s: the log says %q", what, lines)
		}
		private := c.private
		c.close()
		if _, err := os.Stat(private); err == nil || private == "" {
			t.Errorf("%s: %q is left", what, private)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 && what == "a full disk" && !strings.HasPrefix(left[0].Name(), locks) {
			t.Errorf("%s: %v is left", what, left)
		}
	}
}

// TestCacheUntrusted: what lies where everybody may write is not read.
func TestCacheUntrusted(t *testing.T) {
	c, _ := testCache(t, CacheOptions{Dir: t.TempDir()})
	wants(t, c, entryOf("a"), "good", true)
	if err := os.Chmod(c.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	wants(t, c, entryOf("a"), "bad", true)
}

// full is a folder on a disk of 64 KB, where this process may mount one.
func full(t *testing.T) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=700"); err != nil {
		return ""
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

// readOnly is a folder in which nobody, or nobody but root, may write.
func readOnly(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil || os.Geteuid() == 0 {
		return ""
	}
	return dir
}

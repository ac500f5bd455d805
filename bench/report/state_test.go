package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gpuevm/gpuevm/statedb/forest"
	"github.com/gpuevm/gpuevm/statedb/store"
)

func someTrie() *Trie {
	from := &forest.Stats{Load: time.Millisecond, Accounts: 5, Loaded: 100}
	to := &forest.Stats{Load: 3 * time.Millisecond, Update: 4 * time.Millisecond, Hash: 5 * time.Millisecond, Early: time.Millisecond,
		Accounts: 12, Settled: 2, Slots: 1700, Loaded: 101}
	return TrieOf(from, to)
}

func TestTrieJSON(t *testing.T) {
	raw, err := json.Marshal(&Line{Block: "b-1", Device: "go", Policy: "serial", Threads: 1, Trie: someTrie(),
		Store: StoreOf(store.Progress{Executed: 9, Hashed: 8, Stored: 7, Durable: 6, Floor: 5, Steps: 4, StepBytes: 3, PendingNodes: 2, Written: 1}, 1, 8)})
	const want = `{"block":"b-1","device":"go","policy":"serial","threads":1,` +
		`"trie":{"load_ms":2.000,"update_ms":4.000,"hash_ms":5.000,"early_ms":1.000,"accounts":7,"settled":2,"slots":1700,"loaded":1,"known":0},` +
		`"store":{"executed":9,"hashed":8,"stored":7,"durable":6,"floor":5,"rooting":1,"steps":4,"step_bytes":3,"pending_nodes":2,` +
		`"waiting":8,"written_bytes":1}}`
	if err != nil || string(raw) != want {
		t.Errorf("%s\nwant\n%s\n%v", raw, want, err)
	}
}

// The sum of the tries is known only if it is known of every block.
func TestSumTries(t *testing.T) {
	with := func(name string) *Line {
		l := full(name)
		l.Trie = someTrie()
		return l
	}
	lines := []*Line{with("b-1"), with("b-2")}
	if s := Sum(lines).Trie; s == nil || *s.Load != *ms(4) || *s.Early != *ms(2) || s.Slots != 3400 || s.Collect != nil {
		t.Errorf("%+v", s)
	}
	if s := Sum(append(lines, full("b-3"))).Trie; s != nil {
		t.Errorf("%+v", s)
	}
	if s := Sum(append([]*Line{full("b-0")}, lines...)).Trie; s != nil {
		t.Errorf("%+v", s)
	}
	var out bytes.Buffer
	Summary(&out, lines)
	for _, row := range []string{"  update                               8.0\n", "while the block executed   2.0", "14 accounts (4 of them early) and 3,400 slots updated, 2 nodes loaded, 0 leaves known"} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no %q in\n%s", row, &out)
		}
	}
}

func TestEnding(t *testing.T) {
	e := &Ending{DataDir: "D", Block: 7, Hash: "0x12", Root: "0x34", Trie: someTrie(), Store: &Store{Written: 12345},
		MostSteps: 3, Caches: map[string]*Cache{"codes": {Hits: 3, Misses: 1}}}
	var out bytes.Buffer
	e.Print(&out)
	for _, row := range []string{"written to disk, bytes", " 12,345\n", "cache of codes, hits", "3 (75.0%)", "durable in D: block 7 0x12, state root 0x34", "trie "} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no %q in\n%s", row, &out)
		}
	}
	out.Reset()
	e.shown = true
	if e.Print(&out); strings.Contains(out.String(), "trie ") {
		t.Errorf("the tries are shown twice:\n%s", &out)
	}
	out.Reset()
	if err := e.WriteJSON(&out); err != nil || !strings.HasPrefix(out.String(), `{"datadir":"D","durable_block":7,"hash":"0x12","state_root":"0x34","trie":{`) {
		t.Errorf("%s %v", &out, err)
	}
}

package main

import (
	"fmt"

	"github.com/gpuevm/gpuevm/bench/ilp/layered"
	"github.com/gpuevm/gpuevm/gpuevm/compiler"
)

// flowChart is a control-flow graph to be drawn.
type flowChart struct {
	layered.Graph
	title string
}

// flowOf draws each block as a box: its name, position and size, and how it ends. What the
// interpreter goes on with, from whatever block, is one box.
func flowOf(f *compiler.Func, title string) *flowChart {
	c := &flowChart{title: "Control flow of " + title}
	at := map[*compiler.Block]int{}
	for i, b := range f.Blocks {
		at[b] = i
		class := ""
		if i == 0 || b.Resumes {
			class = "entry"
		}
		c.Nodes = append(c.Nodes, layered.Node{
			Lines: []string{fmt.Sprintf("b%d %#x", b.ID, b.PC), fmt.Sprintf("%d values, %s", len(b.Values), b.Kind)},
			Title: fmt.Sprintf("b%d at %#x, stack height %d, %d parameters, ends with %s", b.ID, b.PC, b.Height, len(b.Params), b.Kind),
			Class: class,
		})
	}
	interpreter := -1
	for i, b := range f.Blocks {
		for j, e := range b.Succs {
			label := ""
			if b.Kind == compiler.KindBranch {
				label = [...]string{"yes", "no"}[j]
			}
			c.Edges = append(c.Edges, layered.Edge{From: i, To: at[e.To], Label: label})
		}
		if b.Exit != nil && b.Kind != compiler.KindCall {
			if interpreter < 0 {
				interpreter = len(c.Nodes)
				c.Nodes = append(c.Nodes, layered.Node{Lines: []string{"interpreter"}, Title: "the interpreter goes on"})
			}
			c.Edges = append(c.Edges, layered.Edge{From: i, To: interpreter, Class: "back"})
		}
	}
	return c
}

const entryStyle = `<style>.entry .box{stroke-width:2.5}</style>`

func (c *flowChart) svg() string {
	return layered.Draw(c.Graph).SVG("cfg", c.title, layered.Style+entryStyle)
}

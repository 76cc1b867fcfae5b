"""One step's decisions, for all rows at once: logits in, committed tokens and the rows' next state out.

No value is looked at by the host in here, and no loop runs over rows. What the host needs comes back in one
tensor. Order of operations: spec `locateanything` 6.7; rules over blocks: `judge.py`; drafts: `verify.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.blocks import BlockKind
from locany.codec.formulation import Formulation
from locany.codec.grammar import State, allowed_table, next_states
from locany.codec.vocab import Vocab
from locany.engine.batch import StepBatch
from locany.engine.judge import (
    KINDS,
    Verdict,
    classify_published,
    judge_fixed,
    judge_guarded,
    place_moments,
    propose_published,
    settle_guarded,
    some,
)
from locany.engine.labels import LabelView, in_label
from locany.engine.params import DecodeMode
from locany.engine.rows import RowView, Traits
from locany.engine.sampler import draw, keyed_noise, probabilities, published_noise
from locany.engine.verify import Check, check_drafts, states_along

_ERROR, _SEMANTIC = KINDS.index(BlockKind.ERROR), KINDS.index(BlockKind.SEMANTIC)


@dataclass(frozen=True)
class Generators:
    """Random states of rows that reproduce the published draws: for the block of a row, or for its token."""

    block: Sequence[torch.Generator | None]
    token: Sequence[torch.Generator | None]


@dataclass(frozen=True)
class StepLogits:
    """float32 logits of one step.

    Attributes:
        real: [rows, columns, vocabulary] after the pending tokens, right-aligned: what sequential decoding
            would see.
        window: [rows, block_size, vocabulary], or None where no row decodes in parallel.
    """

    real: Tensor
    window: Tensor | None


class Tables:
    """The grammar on the device.

    Attributes:
        allowed: [states, vocabulary] boolean, what may come next; allowed_first: the same for slot 0 of a
            block, where null may stand for the end.
        label_tokens: [vocabulary] boolean, what may stand in a label, its closing token included.
        next_states: [states, vocabulary].
        opens_block: [states] boolean, where a block may begin that the model has been trained to write.
    """

    def __init__(self, vocab: Vocab, device: torch.device):
        allowed = torch.from_numpy(allowed_table(vocab))
        first = allowed.clone()
        first[:, vocab.null] |= first[:, vocab.end]
        opens = torch.zeros(len(State), dtype=torch.bool)
        opens[[State.ITEM, State.LABELLED, State.LABEL]] = True
        self.allowed, self.allowed_first = allowed.to(device), first.to(device)
        self.label_tokens = self.allowed[State.LABEL]
        self.next_states = torch.from_numpy(next_states(vocab)).to(device, torch.long)
        self.opens_block = opens.to(device)


def decide(
    rows: RowView,
    batch: StepBatch,
    logits: StepLogits,
    tables: Tables,
    traits: Traits,
    vocab: Vocab,
    generators: Generators | None = None,
) -> Tensor:
    """Commit tokens in every row and move the rows on.

    Args:
        rows: written to.
        generators: of rows that reproduce the published draws; None where a row has none, or no row has.

    Returns:
        [rows, columns] float32 for `Outcome.unpack`.
    """
    return _Step(rows, batch, logits, tables, traits, vocab, generators).run()


class _Step:
    """The tensors that the parts of a decision share."""

    def __init__(
        self,
        rows: RowView,
        batch: StepBatch,
        logits: StepLogits,
        tables: Tables,
        traits: Traits,
        vocab: Vocab,
        generators: Generators | None,
    ):
        self.rows, self.batch, self.logits = rows, batch, logits
        self.tables, self.traits, self.vocab = tables, traits, vocab
        self.generators = generators
        self.columns = batch.num_real
        self.pending = rows.pending[:, rows.width - self.columns :]
        self.thresholds, self.sampling = rows.thresholds(traits), rows.sampling(traits)
        self.verified = rows.is_mode(DecodeMode.VERIFIED)
        self.guarded = ~rows.compat
        if traits.verified:
            self.states = states_along(self.pending, rows.num_drafts, rows.state, tables.next_states)
        else:
            self.states = rows.state[:, None].expand(-1, self.columns)
        self.labels: LabelView | None = rows.labels if traits.held else None
        if self.labels is not None:
            if traits.verified:
                self.fits, self.depths = self.labels.along(self.pending, rows.num_drafts)
            else:
                self.fits = self.labels.fits[:, None].expand(-1, self.columns, -1)
                self.depths = self.labels.depth[:, None].expand(-1, self.columns)

    def run(self) -> Tensor:
        rows = self.rows
        choices = self._choices()
        check = self._check(choices)
        # A sequential row commits its choice; a verified one too, in place of a failed draft or behind all.
        tokens = self._wide(check.following.gather(1, check.column[:, None]))
        count, kind = torch.ones_like(rows.num_pending), torch.full_like(rows.num_pending, -1)
        nothing = torch.full(tokens.shape, torch.nan, device=tokens.device)
        block_scores, block_means = nothing, nothing
        if self.logits.window is not None:
            verdict, beliefs = self._blocks(self.logits.window, tokens[:, 0])
            taken = rows.parallel & check.all_accepted
            tokens = torch.where(taken[:, None], verdict.tokens, tokens)
            count = torch.where(taken, verdict.length, count)
            judged = taken & ~self.verified
            kind = torch.where(judged, verdict.kind, kind)
            block_scores, block_means = (torch.where(judged[:, None], b, nothing) for b in beliefs)
        drafts = torch.where(self.verified, count - 1, 0)
        if self.traits.verified:
            failed = ~check.all_accepted
            again = self._wide(torch.cat((tokens[:, :1], check.drafts), dim=1))
            tokens = torch.where(failed[:, None], again, tokens)
            drafts = torch.where(failed, check.num_drafts, drafts)
            count = torch.where(failed, drafts + 1, count)

        following = torch.cat((check.following[:, :-1], tokens[:, :1]), dim=1)
        scores, means = self._belief(self.logits.real.softmax(-1), following)
        final, num_final = self._final(tokens, count, following, check)
        numbers = [num_final, kind, rows.num_drafts.clone(), check.num_accepted]
        self._remember(final, num_final)
        numbers += self._advance(tokens, count, drafts, kind, check)
        tables = [final.float(), self._to_the_right(scores), self._to_the_right(means)]
        return torch.cat((torch.stack(numbers, 1).float(), *tables, block_scores, block_means), dim=1)

    # -- what sequential decoding says ----------------------------------------------------------------------

    def _choices(self) -> Tensor:
        """[rows, columns]: the token that sequential decoding takes after each column that matters."""
        traits, vocab, first = self.traits, self.vocab, 0 if self.traits.verified else self.columns - 1
        if not (traits.sequential or traits.verified):
            return torch.full_like(self.pending, vocab.null)
        logits = self.logits.real[:, first:]
        if traits.guarded:
            states = self.states[:, first:]
            forbidden = ~self.tables.allowed[states] & self.guarded[:, None, None]
            if self.labels is not None and some(in_label(states)):
                forbidden |= self.labels.forbidden(self.fits[:, first:], self.depths[:, first:], states)
            logits = logits.masked_fill(forbidden, float("-inf"))
        probs = probabilities(logits, self.sampling, self._seen_before(first))
        if traits.biased:
            self._weigh_none(probs, self.states[:, first:])
        index = self.batch.answer_index[:, first : self.columns]
        tokens = draw(probs, self.sampling.temperature, self._noise(probs, index, block=False))
        if traits.guarded:
            greedy = self.guarded & (self.sampling.temperature == 0)
            tokens = torch.where(greedy[:, None], settle_guarded(probs, tokens, vocab), tokens)
        if first:
            tokens = torch.cat((torch.full_like(self.pending[:, :first], vocab.null), tokens), dim=1)
        return tokens

    def _weigh_none(self, probs: Tensor, states: Tensor) -> None:
        """Make None as much likelier as a row wishes, where a frame may say so, in place.

        As in blocks, it is the last word: neither temperature nor top-p changes the weight.
        """
        may_say_none = (states == State.FRAME) & self.guarded[:, None]
        weight = torch.where(may_say_none, self.rows.none_weight[:, None], 1.0)
        for token in sorted(self.vocab.none_ids):
            probs[..., token] *= weight

    def _check(self, choices: Tensor) -> Check:
        rows = self.rows
        if self.traits.verified:
            args = (self.states, self.tables.next_states, rows.tolerance, self.vocab)
            return check_drafts(self.pending, rows.num_drafts, choices, *args)
        zero = torch.zeros_like(rows.num_drafts)
        return Check(
            num_accepted=zero,
            column=zero + self.columns - 1,
            all_accepted=zero == 0,
            following=torch.cat((self.pending[:, 1:], choices[:, -1:]), dim=1),
            drafts=choices,
            num_drafts=zero,
        )

    def _seen_before(self, first: int) -> Tensor | None:
        """[rows, columns from `first`, vocabulary]: drafts have been seen by what comes after them."""
        seen = self.rows.seen
        if not self.traits.penalised or seen is None:
            return None
        if not self.traits.verified:
            return seen[:, None]
        along = []
        for column in range(self.columns):
            is_draft = column >= self.columns - self.rows.num_drafts
            token = self.pending[:, column : column + 1]
            seen = seen.scatter(1, token, seen.gather(1, token) | is_draft[:, None])
            along.append(seen)
        return torch.stack(along[first:], dim=1)

    # -- what the window says -------------------------------------------------------------------------------

    def _blocks(self, window: Tensor, sequential: Tensor) -> tuple[Verdict, tuple[Tensor, Tensor]]:
        """Judge the blocks, and say what they believe of their own tokens.

        Args:
            sequential: [rows] the token that a verified row is going to begin with, whatever slot 0 says.
        """
        rows, vocab, traits = self.rows, self.vocab, self.traits
        plain = window.softmax(-1)
        probs = self._block_probabilities(window, plain)
        index = self.batch.answer_index[:, self.columns :]
        drawn = draw(probs, self.sampling.temperature, self._noise(probs, index, block=True))
        if vocab.formulation is Formulation.FIXED:
            greedy = self.sampling.temperature == 0
            drawn = torch.where(greedy[:, None], settle_guarded(probs, drawn, vocab), drawn)
            beliefs = self._belief(plain, drawn)
            return judge_fixed(drawn, beliefs[0], vocab, self.thresholds), beliefs
        verdict = None
        if traits.guarded or traits.verified:
            fast = rows.is_mode(DecodeMode.FAST, DecodeMode.VERIFIED)
            drafted = torch.where(self.verified, sequential, drawn[:, 0])
            proposed = torch.cat((drafted[:, None], drawn[:, 1:]), dim=1)
            words, weight = self.tables.label_tokens, rows.none_weight if traits.biased else None
            verdict = judge_guarded(probs, proposed, fast, vocab, self.thresholds, words, weight)
            begins = torch.where(self.verified, sequential, verdict.tokens[:, 0])
            tokens = torch.cat((begins[:, None], verdict.tokens[:, 1:]), dim=1)
            verdict = self._hold(Verdict(tokens, verdict.length, verdict.kind), plain)
        if traits.compat:
            fast = rows.is_mode(DecodeMode.FAST)
            proposed, _ = propose_published(probs, drawn, fast, vocab, self.thresholds)
            published = classify_published(proposed, fast, vocab)
            ours = self.guarded | self.verified
            verdict = published if verdict is None else verdict.where(ours, published)
        assert verdict is not None
        return verdict, self._belief(plain, verdict.tokens)

    def _block_probabilities(self, window: Tensor, plain: Tensor) -> Tensor:
        """Of every slot, under the knobs of its row; slot 0 is limited to what the grammar allows.

        Args:
            window: logits, which are written to; plain: their softmax.
        """
        rows, traits, seen = self.rows, self.traits, None
        if traits.guarded:
            forbidden = ~self.tables.allowed_first[self.states[:, -1]] & self.guarded[:, None]
            window[:, 0].masked_fill_(forbidden, float("-inf"))  # nobody reads these logits again
        if traits.penalised and rows.seen is not None:
            seen = rows.seen[:, None]
        if seen is not None or traits.sampled or traits.top_p or traits.top_k:
            return probabilities(window, self.sampling, seen)
        probs = plain.clone()  # half the time of a softmax over all slots again
        probs[:, 0] = window[:, 0].softmax(-1)
        return probs

    def _hold(self, verdict: Verdict, probs: Tensor) -> Verdict:
        """Asked labels in place of what the slots said each on its own."""
        state, first = self.states[:, -1], verdict.tokens[:, 0]
        writes = (verdict.kind == _SEMANTIC) & (in_label(state) | (first == self.vocab.ref))
        if self.labels is None or not some(writes):
            return verdict
        tokens, length, held = self.labels.choose(
            probs, first, self.verified, self.fits[:, -1], self.depths[:, -1], state
        )
        return verdict.where(~(writes & held), Verdict(tokens, length, verdict.kind))

    # -- shared ---------------------------------------------------------------------------------------------

    def _noise(self, probs: Tensor, index: Tensor, *, block: bool) -> Tensor | None:
        if not self.traits.sampled:
            return None
        noise = keyed_noise(self.rows.seed, index, self.vocab.size)
        if self.generators is not None:
            # One token draws for one slot, however many columns other rows need.
            read = slice(None) if block else slice(-1, None)
            which = self.generators.block if block else self.generators.token
            published = published_noise(which, probs[:, read])
            noise[:, read] = torch.where(self.rows.compat[:, None, None], published, noise[:, read])
        return noise

    def _belief(self, probs: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What distributions think of given tokens: [rows, slots] each.

        Returns:
            The probability of each; of a coordinate, the mass of all bins within the row's reach of it. And
            the mean bin of those, NaN for other tokens.
        """
        vocab, thresholds = self.vocab, self.thresholds
        reach = thresholds.score_reach[:, None]
        mass, mean = place_moments(probs, tokens, vocab, reach, thresholds.most_reach)
        is_coord = (tokens >= vocab.coord_start) & (tokens <= vocab.coord_end)
        plain = probs.gather(-1, tokens[..., None])[..., 0].clamp(0, 1)
        return torch.where(is_coord, mass, plain), torch.where(is_coord, mean, torch.nan)

    def _wide(self, tokens: Tensor) -> Tensor:
        """Cut or filled on the right to [rows, width]."""
        more = self.rows.width - tokens.shape[1]
        return torch.nn.functional.pad(tokens, (0, more), value=self.vocab.null)  # a negative pad cuts

    def _to_the_right(self, values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (self.rows.width - values.shape[1], 0), value=torch.nan)

    # -- the rows move on -----------------------------------------------------------------------------------

    def _final(self, tokens: Tensor, count: Tensor, following: Tensor, check: Check) -> tuple[Tensor, Tensor]:
        """What is committed for good: [rows, width] and [rows]."""
        if not self.traits.verified:
            return tokens, count
        column = torch.arange(self.columns, device=tokens.device)
        start = (self.columns - 1 - self.rows.num_drafts)[:, None]
        confirmed = self._wide(following.gather(1, (start + column).clamp(max=self.columns - 1)))
        final = torch.where(self.verified[:, None], confirmed, tokens)
        return final, torch.where(self.verified, check.num_accepted + 1, count)

    def _remember(self, final: Tensor, num_final: Tensor) -> None:
        if self.traits.penalised and self.rows.seen is not None:
            slot = torch.arange(self.rows.width, device=final.device)
            tokens = torch.where(slot < num_final[:, None], final, final[:, :1])
            self.rows.seen.scatter_(1, tokens, True)

    def _advance(
        self, tokens: Tensor, count: Tensor, drafts: Tensor, kind: Tensor, check: Check
    ) -> tuple[Tensor, Tensor]:
        """Write the rows' next state. Returns how many drafts it has, and whether it reads the window."""
        rows, following_state = self.rows, self.tables.next_states
        state = after_all = self.states.gather(1, check.column[:, None])[:, 0]
        slot = torch.arange(rows.width, device=tokens.device)
        self._follow_labels(tokens, slot < (count - drafts)[:, None], check, state)
        exists = (slot < count[:, None]).unbind(1)
        final = (slot < (count - drafts)[:, None]).unbind(1)
        for token, is_there, is_final in zip(tokens.unbind(1), exists, final, strict=True):
            after_all = torch.where(is_there, following_state[after_all, token], after_all)
            state = torch.where(is_final, after_all, state) if self.traits.verified else after_all
        closed = tokens[:, 0] == self.vocab.box_end
        hybrid = torch.where(rows.parallel, kind != _ERROR, closed)
        parallel = rows.is_mode(DecodeMode.FAST)
        parallel = torch.where(rows.is_mode(DecodeMode.HYBRID), hybrid, parallel)
        parallel = torch.where(self.verified, self.tables.opens_block[after_all], parallel)
        source = slot - (rows.width - count)[:, None]
        pending = torch.where(source >= 0, tokens.gather(1, source.clamp(min=0)), self.vocab.pad)
        text_len = rows.text_len - rows.num_drafts + check.num_accepted + count
        rows.write(pending, count, text_len, parallel, drafts, state)
        return drafts, parallel.long()

    def _follow_labels(self, tokens: Tensor, final: Tensor, check: Check, state: Tensor) -> None:
        """How far rows have come in their labels, once the `final` ([rows, width]) tokens are committed."""
        labels = self.labels
        if labels is None or not some(in_label(state) | (tokens == self.vocab.ref).any(1)):
            return
        at = check.column[:, None]
        depth = self.depths.gather(1, at)[:, 0]
        fits = self.fits.gather(1, at[..., None].expand(-1, 1, self.fits.shape[2]))[:, 0]
        for token, is_final in zip(tokens.unbind(1), final.unbind(1), strict=True):
            later_fits, later_depth = labels.follow(fits, depth, token)
            fits = torch.where(is_final[:, None], later_fits, fits)
            depth = torch.where(is_final, later_depth, depth)
        labels.remember(fits, depth)

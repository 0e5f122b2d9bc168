"""The stage that trains G (section 3.1, formulas 1-5) and, in turn with it, D and the two-input R of formula (7).

A step is G's, then, where the recipe has the adversarial loss, R's on the hallucination that G has just made, and D's,
which counts it as real where R scores within epsilon of the truth. epsilon is the median absolute error of that R on
the validation part, taken anew at every validation.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.discriminator import Discriminator
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor
from hiqa_train.data.batch import Batch, PatchSource, RegressorInputs
from hiqa_train.losses.objectives import (
    DiscriminatorObjective,
    FeatureNetworks,
    FrozenCritics,
    GeneratorObjective,
    RegressorObjective,
    centre_crop,
    discrepancy_map,
    feature_losses,
    regressor_inputs,
    regressor_score,
    target_quality,
)
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.losses.terms import PIXEL_LOSSES, d_fake
from hiqa_train.recipes.schema import GeneratorStage, Networks
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import Validation, hallucination_measures, predict

from .regressor import begin_from

OFF_IN_EFFECT = (0.05, 0.95)  # a share of d_fake = 1 beyond these says little that a plain GAN does not


class Threshold:
    """epsilon of formula (7), and how often d_fake was 1 since the last validation; saved with the stage."""

    def __init__(self) -> None:
        self.epsilon: float | None = None
        self.shares: list[float] = []

    def state(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, "shares": list(self.shares)}

    def load(self, state: dict[str, Any]) -> None:
        self.epsilon, self.shares = state["epsilon"], list(state["shares"])


class GeneratorTraining:
    """See `loop.Stage`."""

    kind = "generator"
    main = "pixel"

    def __init__(
        self,
        name: str,
        recipe: GeneratorStage,
        networks: Networks,
        source: PatchSource,
        validation: Validation,
        machine: RunDevice,
        *,
        databases: int,
        seed: int,
        features: FeatureNetworks,
        begin: Generator | None = None,
        first_judge: MappedRegressor | None = None,
    ) -> None:
        """features: networks of the feature losses, for the weights that the recipe gives them. begin: a G to start
        from; first_judge: an R on images alone that the two-input R of formula (7) starts as. UsageError where one is
        of another size."""
        self.name, self.recipe, self.seed = name, recipe, seed
        self.steps, self.batch, self.source, self.validation = recipe.steps, recipe.batch, source, validation
        self.machine, self.databases = machine, databases
        self.features = FeatureNetworks(
            features.vgg.to(machine.device) if features.vgg is not None and recipe.vgg_weight else None,
            features.psi.to(machine.device) if features.psi is not None and recipe.psi_weight else None,
        )
        torch.manual_seed(seed)
        self.network = Generator(networks.generator)
        if begin is not None:
            if begin.config != networks.generator:
                sizes = f"its G is {begin.config}, the recipe's {networks.generator}"
                raise UsageError(f"--init-from: {sizes}", "change the recipe's networks")
            self.network.load_state_dict(begin.state_dict())
        objective = GeneratorObjective(self.network, recipe, self.features)
        self.learner = NetworkTrainer(objective, self.network, recipe.learning, recipe.steps, machine)
        self.learns: dict[str, Any] = {"generator": self.learner}
        self.joins = round(recipe.steps * recipe.features_from)
        self.adversary_joins = round(recipe.steps * recipe.adversarial_from)
        self.threshold = Threshold()
        # each network begins from a seed of its own: without the one, the others begin as they would with it
        if recipe.adversarial != "none":
            torch.manual_seed(seed + 1)
            self.discriminator = Discriminator(networks.discriminator)
            objective_d = DiscriminatorObjective(self.discriminator)
            self.adversary = NetworkTrainer(
                objective_d, self.discriminator, recipe.discriminator, recipe.steps, machine
            )
            self.learns["discriminator"] = self.adversary
        if recipe.adversarial == "quality":
            torch.manual_seed(seed + 2)
            config = networks.regressor(networks.generator.channels[-1], discrepancy=True, fusion=False)
            self.judge_network = MappedRegressor(Regressor(config), databases)
            if first_judge is not None:
                begin_from(self.judge_network.regressor, first_judge.regressor.state_dict())
            objective_r = RegressorObjective(
                self.judge_network, relative_share=0.0, ranking_weight=0.0, local_weight=0.0
            )
            self.judge = NetworkTrainer(objective_r, self.judge_network, recipe.judge, recipe.steps, machine)
            self.learns |= {"judge": self.judge, "threshold": self.threshold}

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "generator": self.network.config.to_dict(),
            "databases": self.databases,
        }

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        recipe = self.recipe
        against = recipe.adversarial != "none" and step >= self.adversary_joins
        judges = FrozenCritics(discriminator=self.discriminator) if against else FrozenCritics()
        with_features = step >= self.joins and step % recipe.features_every == 0
        losses, made = self.learner.learn(step, [(piece, judges, with_features) for piece in pieces])
        if recipe.adversarial == "quality":
            views = [RegressorInputs(discrepancy_map(p.distorted, h)) for p, h in zip(pieces, made, strict=True)]
            of_judge, _ = self.judge.learn(step, list(zip(pieces, views, strict=True)))
            losses |= {f"judge_{name}": value for name, value in of_judge.items()}
        if against:
            fakes = [self.fake(piece, hallucination) for piece, hallucination in zip(pieces, made, strict=True)]
            triples = [(p.reference, h, f) for p, h, f in zip(pieces, made, fakes, strict=True)]
            of_d, _ = self.adversary.learn(step, triples)
            losses |= {"discriminator": of_d["discriminator"], "d_fake": of_d["d_fake"]}
            self.threshold.shares.append(float(of_d["d_fake"]))
        return losses

    @torch.no_grad()
    def fake(self, batch: Batch, hallucination: Tensor) -> Tensor:
        """d_fake of each hallucination, formula (7); 0 always for the plain GAN. (B,)."""
        if self.recipe.adversarial == "plain":
            return torch.zeros(len(batch.files), device=batch.distorted.device)
        if self.threshold.epsilon is None:
            self.set_epsilon()
        judge = self.judge.best
        assert isinstance(judge, MappedRegressor)
        assert self.threshold.epsilon is not None
        with self.machine.autocast():
            features = judge.regressor.quality_features(
                batch.distorted, discrepancy_map(batch.distorted, hallucination)
            )
        predicted = judge.qualities(regressor_score(judge.regressor, features[-1], None), batch.database)
        return d_fake(predicted, target_quality(batch), self.threshold.epsilon)

    def set_epsilon(self) -> dict[str, float]:
        """epsilon from the two-input R's validation error at this moment; that error's measures."""
        judge, generator = self.judge.best, self.learner.best
        assert isinstance(judge, MappedRegressor)
        assert isinstance(generator, Generator)
        found = predict(judge, lambda b: regressor_inputs(generator, b, "hallucination", fusion=False), self.validation)
        self.threshold.epsilon = float(torch.tensor(found.errors).median())
        return found.measures()

    def validate(self, step: int) -> dict[str, float]:
        generator = self.learner.best
        assert isinstance(generator, Generator)
        recipe = self.recipe

        def losses(batch: Batch, hallucination: Tensor) -> dict[str, Tensor]:
            assert batch.reference is not None
            found = {"pixel": PIXEL_LOSSES[recipe.pixel](hallucination, batch.distorted, batch.reference)}
            seen, wanted = (
                centre_crop(hallucination, recipe.features_patch),
                centre_crop(batch.reference, recipe.features_patch),
            )
            return found | feature_losses(self.features, seen, wanted, recipe.psi_layer)

        found = hallucination_measures(generator, losses, self.validation)
        error = found["pixel"]
        error += recipe.vgg_weight * found.get("vgg", 0.0) + recipe.psi_weight * found.get("psi", 0.0)
        measures = {"error": error, **found}
        if recipe.adversarial == "quality":
            judged = self.set_epsilon()
            assert self.threshold.epsilon is not None
            measures |= {"judge_error": judged["error"], "epsilon": self.threshold.epsilon}
        return measures

    def remarks(self) -> list[str]:
        shares, self.threshold.shares = self.threshold.shares, []
        if self.recipe.adversarial != "quality" or not shares:
            return []
        share = sum(shares) / len(shares)
        low, high = OFF_IN_EFFECT
        if low <= share <= high:
            return []
        less = "rejects nothing" if share > high else "is a plain GAN"
        return [f"d_fake = 1 for {share:.3f} of the hallucinations since the last validation: D {less} in effect"]

    @torch.no_grad()
    def sheet(self) -> SampleGrid:
        batch = next(self.validation.batches())
        generator = self.learner.best
        assert isinstance(generator, Generator)
        return SampleGrid(batch.distorted, generator(batch.distorted).hallucination, batch.reference)

"""The generator stage: trains G (section 3.1, formulas 1-5) in turn with D and the two-input R of formula (7).

Each step updates G. With the adversarial loss, it then updates the two-input R on the new hallucination, and D, for
which a hallucination counts as real if that R scores it within epsilon of the truth. epsilon is the median absolute
error of that R on the validation part, recomputed at every validation.
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
from hiqa_train.data.batch import Batch, RegressorInputs
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
from hiqa_train.recipes.schema import Networks
from hiqa_train.recipes.stages import GeneratorStage
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import hallucination_measures, predict

from .inputs import StageInputs
from .regressor import initialise_from

INEFFECTIVE = (0.05, 0.95)  # outside this range of the share of d_fake = 1, formula (7) hardly differs from a plain GAN


class Threshold:
    """epsilon of formula (7), and the shares of d_fake = 1 since the last validation. A part of the checkpoint."""

    def __init__(self) -> None:
        self.epsilon: float | None = None
        self.shares: list[Tensor] = []  # scalars on the device: reading one would wait for the step

    def state(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, "shares": [float(share) for share in self.shares]}

    def load(self, state: dict[str, Any]) -> None:
        self.epsilon, self.shares = state["epsilon"], [torch.tensor(share) for share in state["shares"]]


class GeneratorTraining:
    """See `loop.TrainingStage`."""

    kind = "generator"
    main_loss = "pixel"

    def __init__(
        self,
        given: StageInputs,
        recipe: GeneratorStage,
        networks: Networks,
        *,
        features: FeatureNetworks,
        init_generator: Generator | None = None,
        init_two_input: MappedRegressor | None = None,
    ) -> None:
        """features: networks of the feature losses that the recipe has a weight for. init_generator: the G to start
        from. init_two_input: the R on images alone that the two-input R of formula (7) starts from. None for random
        weights. Raises UsageError if the sizes of one differ from the recipe's.
        """
        self.name, self.recipe, self.seed = given.name, recipe, given.seed
        self.steps, self.batch, self.source = recipe.steps, recipe.batch, given.source
        self.validation, self.run_device, self.databases = given.validation, given.run_device, given.databases
        self.features = features.to(self.run_device.device)
        torch.manual_seed(self.seed)
        self.network = Generator(networks.generator)
        if init_generator is not None:
            if init_generator.config != networks.generator:
                sizes = f"its G is {init_generator.config}, the recipe's {networks.generator}"
                raise UsageError(f"--init-from: {sizes}", "change the recipe's networks")
            self.network.load_state_dict(init_generator.state_dict())
        objective = GeneratorObjective(self.network, recipe, self.features)
        self.weights = objective.weights
        self.trainer = NetworkTrainer(objective, self.network, recipe.learning, recipe.steps, self.run_device)
        self.trainers: dict[str, Any] = {"generator": self.trainer}
        self.features_start = round(recipe.steps * recipe.features_from)
        self.adversarial_start = round(recipe.steps * recipe.adversarial_from)
        self.threshold = Threshold()
        # one seed per network, so that its initial weights do not depend on the other networks of the recipe
        if recipe.adversarial != "none":
            torch.manual_seed(self.seed + 1)
            self._add_discriminator(networks)
        if recipe.adversarial == "quality":
            torch.manual_seed(self.seed + 2)
            self._add_two_input_regressor(networks, init_two_input)

    def _add_discriminator(self, networks: Networks) -> None:
        """Create D and its trainer."""
        self.discriminator = Discriminator(networks.discriminator)
        objective = DiscriminatorObjective(self.discriminator)
        self.discriminator_trainer = NetworkTrainer(
            objective, self.discriminator, self.recipe.discriminator, self.steps, self.run_device
        )
        self.trainers["discriminator"] = self.discriminator_trainer

    def _add_two_input_regressor(self, networks: Networks, initial: MappedRegressor | None) -> None:
        """Create the two-input R of formula (7) and its trainer."""
        config = networks.regressor(networks.generator.channels[-1], discrepancy=True, fusion=False)
        network = MappedRegressor(Regressor(config), self.databases)
        if initial is not None:
            initialise_from(network.regressor, initial.regressor.state_dict())
        objective = RegressorObjective(network, ranking_weight=0.0, local_weight=0.0)
        self.two_input_trainer = NetworkTrainer(objective, network, self.recipe.judge, self.steps, self.run_device)
        self.trainers |= {"judge": self.two_input_trainer, "threshold": self.threshold}

    @property
    def cycle(self) -> int:
        return self.recipe.features_every

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
        adversarial = recipe.adversarial != "none" and step >= self.adversarial_start
        critics = FrozenCritics(discriminator=self.discriminator) if adversarial else FrozenCritics()
        with_features = step >= self.features_start and step % recipe.features_every == 0
        losses, made = self.trainer.train_step(step, [(piece, critics, with_features) for piece in pieces])
        if recipe.adversarial == "quality":
            inputs = [RegressorInputs(discrepancy_map(p.distorted, h)) for p, h in zip(pieces, made, strict=True)]
            r_losses, _ = self.two_input_trainer.train_step(step, list(zip(pieces, inputs, strict=True)))
            losses |= {f"judge_{name}": value for name, value in r_losses.items()}
        if adversarial:
            fakes = [self.d_fake_of(piece, hallucination) for piece, hallucination in zip(pieces, made, strict=True)]
            triples = [(p.reference, h, f) for p, h, f in zip(pieces, made, fakes, strict=True)]
            d_losses, _ = self.discriminator_trainer.train_step(step, triples)
            losses |= {"discriminator": d_losses["discriminator"], "d_fake": d_losses["d_fake"]}
            self.threshold.shares.append(d_losses["d_fake"])
        return losses

    @torch.no_grad()
    def d_fake_of(self, batch: Batch, hallucination: Tensor) -> Tensor:
        """d_fake of each hallucination, formula (7); always 0 for the plain GAN. (B,)."""
        if self.recipe.adversarial == "plain":
            return torch.zeros(len(batch.files), device=batch.distorted.device)
        if self.threshold.epsilon is None:
            self.update_epsilon()
        regressor = self.two_input_trainer.averaged_network
        assert isinstance(regressor, MappedRegressor)
        assert self.threshold.epsilon is not None
        with self.run_device.autocast():
            features = regressor.regressor.trunk_features(
                batch.distorted, discrepancy_map(batch.distorted, hallucination)
            )
        predicted = regressor.qualities(regressor_score(regressor.regressor, features[-1], None), batch.database)
        return d_fake(predicted, target_quality(batch), self.threshold.epsilon)

    def update_epsilon(self) -> dict[str, float]:
        """Recompute epsilon from the two-input R's validation error. Returns that error's measures."""
        regressor, generator = self.two_input_trainer.averaged_network, self.trainer.averaged_network
        assert isinstance(regressor, MappedRegressor)
        assert isinstance(generator, Generator)
        predictions = predict(
            regressor, lambda b: regressor_inputs(generator, b, "hallucination", fusion=False), self.validation
        )
        self.threshold.epsilon = float(torch.tensor(predictions.errors).median())
        return predictions.measures()

    def validate(self, step: int) -> dict[str, float]:
        generator = self.trainer.averaged_network
        assert isinstance(generator, Generator)
        recipe = self.recipe

        def losses(batch: Batch, hallucination: Tensor) -> dict[str, Tensor]:
            assert batch.reference is not None
            pixel = PIXEL_LOSSES[recipe.pixel](hallucination, batch.distorted, batch.reference)
            side = recipe.features_patch
            predicted, reference = centre_crop(hallucination, side), centre_crop(batch.reference, side)
            return {"pixel": pixel, **feature_losses(self.features, predicted, reference, recipe.psi_layer)}

        means = hallucination_measures(generator, losses, self.validation)
        error = means["pixel"] + sum(weight * means.get(name, 0.0) for name, weight in self.weights.items())
        measures = {"error": error, **means}
        if recipe.adversarial == "quality":
            two_input = self.update_epsilon()
            assert self.threshold.epsilon is not None
            measures |= {"judge_error": two_input["error"], "epsilon": self.threshold.epsilon}
        return measures

    def remarks(self) -> list[str]:
        shares, self.threshold.shares = self.threshold.shares, []
        if self.recipe.adversarial != "quality" or not shares:
            return []
        share = sum(float(share) for share in shares) / len(shares)
        low, high = INEFFECTIVE
        if low <= share <= high:
            return []
        effect = "rejects nothing" if share > high else "is a plain GAN"
        return [f"d_fake = 1 for {share:.3f} of the hallucinations since the last validation: in effect D {effect}"]

    @torch.no_grad()
    def samples(self) -> SampleGrid:
        batch = next(self.validation.batches())
        generator = self.trainer.averaged_network
        assert isinstance(generator, Generator)
        return SampleGrid(batch.distorted, generator(batch.distorted).hallucination, batch.reference)

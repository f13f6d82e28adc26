"""What can be known before the agent runs: `run` stops for the same things that `config check`
says."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import msgspec

from edge_agent.config import FolderSource, LoadedConfig, MqttConfig
from edge_agent.config.secrets import CREDENTIAL_PREFIX
from edge_agent.errors import ConfigError, ConfigProblem
from edge_agent.tools.preflight.diagnosis import Diagnosis
from edge_agent.tools.preflight.files import file_diagnoses
from edge_agent.tools.preflight.model import model_diagnoses
from edge_agent.tools.preflight.placeholders import placeholder_diagnoses
from edge_agent.tools.preflight.running import running_diagnoses
from edge_agent.tools.preflight.service import Service, service_of
from edge_agent.tools.preflight.state_dir import state_dir_diagnoses

__all__ = ["Diagnosis", "Service", "diagnoses", "local_diagnoses", "service_of", "stop_if_wrong"]


def diagnoses(loaded: LoadedConfig, service: Service) -> Iterator[Diagnosis]:
    """Everything that is wrong or odd beyond the files' own text."""
    yield from local_diagnoses(loaded, service)
    yield from model_diagnoses(loaded)
    yield from running_diagnoses(loaded)


def local_diagnoses(loaded: LoadedConfig, service: Service) -> Iterator[Diagnosis]:
    """Of what the configuration names on this machine: files, credentials, folders."""
    yield from _starting(loaded, service)
    yield from state_dir_diagnoses(loaded, service)


def stop_if_wrong(loaded: LoadedConfig, service: Service) -> None:
    """Raises ConfigError for what keeps the agent from starting."""
    stopping = [d.problem for d in _starting(loaded, service) if d.stops]
    if stopping:
        raise ConfigError(stopping)


def _starting(loaded: LoadedConfig, service: Service) -> Iterator[Diagnosis]:
    yield from placeholder_diagnoses(loaded)
    yield from _template_diagnoses(loaded)
    unusable = list(file_diagnoses(loaded, service))
    yield from unusable
    if not any(diagnosis.stops for diagnosis in unusable):
        yield from _broker_diagnoses(loaded, service)


def _template_diagnoses(loaded: LoadedConfig) -> Iterator[Diagnosis]:
    """Of recorder folders: what a template is, only their own package knows."""
    for index, camera in enumerate(loaded.config.cameras, start=1):
        if isinstance(camera.source, FolderSource):
            from edge_agent.recorders.find import template_problem

            problem = template_problem(camera.id, camera.source.template)
            if problem is not None:
                told = loaded.problem(index, "source.template", problem.found, problem.fix)
                yield Diagnosis(told, stops=True)


def _broker_diagnoses(loaded: LoadedConfig, service: Service) -> Iterator[Diagnosis]:
    """Certificates and passwords are read as the agent will read them."""
    from edge_agent.mqtt.endpoint import endpoint_of

    try:
        endpoint_of(_readable_here(loaded.config.mqtt))
    except ConfigError as error:
        for problem in error.problems:
            # Another user may well read what we cannot: `file_diagnoses` knows more.
            if service.is_us or os.strerror(errno.EACCES) not in problem.found:
                yield Diagnosis(_placed(loaded, problem), stops=True)


def _readable_here(mqtt: MqttConfig) -> MqttConfig:
    """Without credentials, where systemd handed us none."""
    if os.environ.get("CREDENTIALS_DIRECTORY"):
        return mqtt
    if mqtt.password_file and mqtt.password_file.startswith(CREDENTIAL_PREFIX):
        mqtt = msgspec.structs.replace(mqtt, password_file=None)
    if mqtt.tls.key_file and mqtt.tls.key_file.startswith(CREDENTIAL_PREFIX):
        tls = msgspec.structs.replace(mqtt.tls, cert_file=None, key_file=None)
        mqtt = msgspec.structs.replace(mqtt, tls=tls)
    return mqtt


def _placed(loaded: LoadedConfig, problem: ConfigProblem) -> ConfigProblem:
    if problem.path:
        return loaded.problem(0, problem.path, problem.found, problem.fix)
    found = f"{problem.file}: {problem.found}"
    return loaded.problem(0, "mqtt.password_file", found, problem.fix)

using Grid.Client.Contracts.Operator;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Grid.Silo.Records;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Grains;

/// <content>What an operator does by hand: draining a silo, moving a shard, going on after a loss.</content>
internal sealed partial class OperatorGrain
{
    private const int LeaseMarginMs = 100;
    private static readonly TimeSpan StepTime = TimeSpan.FromSeconds(15);

    /// <inheritdoc/>
    public async Task<string?> SetDrainingAsync(string silo, bool draining)
    {
        if (UnknownSilo(silo) is { } unknown)
            return unknown;
        return await silos.At(SiloAddress.FromParsableString(silo)).SetDrainingAsync(draining);
    }

    /// <inheritdoc/>
    public async Task<MoveProgress> MoveShardAsync(int shard, string silo)
    {
        CheckShard(shard);
        if (UnknownSilo(silo) is { } unknown)
            return Stuck(unknown);
        ShardStatus status = StatusReport.MergeShards(await AskAllAsync(membership.Current), settings.Current.ShardCount)[shard];
        if (status.Primary is null)
            return new MoveProgress(false, null, "the shard has no primary at the moment");
        if (book.Of(silo).Draining)
            return Stuck($"silo {silo} drains");
        IShardReplicationGrain grain = GrainFactory.GetGrain<IShardReplicationGrain>(shard);
        string[] others = OthersOf(status, silo);
        try
        {
            if (status.Primary == silo)
                return await SettleAsync(grain, silo, status.Wanted, others);
            string? refused = await grain.WantAsync([.. others, silo], byOperator: true).AsTask().WaitAsync(StepTime);
            if (refused is null && !status.InSync.Contains(silo) && status.Wanted?.Contains(silo) != true)
                events.Add(EventKind.Move, EventSeverity.Info, shard, status.Epoch, "an operator moves the primary; a copy is made there first", silo);
            if (refused is not null || !status.InSync.Contains(silo))
                return new MoveProgress(false, null, refused ?? PhaseOf(status, silo));
            if (await handOvers.MoveAsync(shard, silo) is { } problem)
                return new MoveProgress(false, null, problem);

            // The primary that was keeps its copy only where it is needed.
            string[] rest = others.Length >= settings.Current.Replicas ? others : [.. others, status.Primary];
            await SettleAsync(grain, silo, null, rest);
            return new MoveProgress(false, null, "the primary was handed over");
        }
        catch (TimeoutException)
        {
            return new MoveProgress(false, null, "the primary does not answer in time");
        }
        catch (OrleansMessageRejectionException)
        {
            // Its activation is on its way to another silo: whoever asks again is told how it stands.
            return new MoveProgress(false, null, "the primary is being taken over");
        }
    }

    /// <inheritdoc/>
    public async Task<LossReport> PlanLossAsync(int shard)
    {
        CheckShard(shard);
        return Report((await DecideLossAsync(shard)).Plan, shard);
    }

    /// <inheritdoc/>
    public async Task<LossReport> AcceptLossAsync(int shard)
    {
        CheckShard(shard);
        (LossPlan first, StoredRecord before) = await DecideLossAsync(shard);
        if (first.Obstacle is not null)
            return Report(first, shard);

        // A primary that was declared dead may not know it yet; without its lease it serves nothing, nor when it was alone and nobody hears of it.
        await Task.Delay(Math.Max(settings.Current.LeaseMs, settings.Current.ReplicaTimeoutMs) + LeaseMarginMs);
        (LossPlan plan, StoredRecord stored) = await DecideLossAsync(shard);
        LossReport report = Report(plan, shard);
        if (plan.Obstacle is not null)
            return report;
        if (stored.ETag != before.ETag)
            return report with { Obstacle = $"its record was changed meanwhile: {stored.Record}; try again" };
        if (await CopyFor(plan, shard) is not { } copy)
            return report with { Obstacle = "no silo could make an empty copy of it; try again" };
        ShardRecord next = plan.Next(stored.Record, copy, Guid.NewGuid(), Guid.NewGuid());
        RecordWrite write = await records.WriteAsync(next, stored.ETag);
        if (!write.Written)
            return report with { Obstacle = $"its record was changed meanwhile: {write.Current.Record}" };
        events.Add(
            EventKind.LossAccepted,
            EventSeverity.Error,
            shard,
            next.Epoch,
            plan.Best is null ? "an operator accepted its loss: it begins anew, empty" : $"an operator accepted its loss: it goes on with the copy that ends at {plan.Best?.Position}",
            copy.Silo);
        LogLossAccepted(shard, copy, next.Lineage, stored.Record);
        string? problem = await GrainFactory.GetGrain<IShardReplicationGrain>(shard).EnsureAsync();
        if (problem is not null)
            LogNotServedYet(shard, problem);
        return report with { Silo = copy.Silo };
    }

    /// <summary>The copy to go on with; where none has survived, an empty one on the silo that ranks first.</summary>
    private async Task<CopyName?> CopyFor(LossPlan plan, int shard)
    {
        if (plan.Best is { } best)
            return best.Name;
        string[] draining = book.Draining;
        IReadOnlyList<string> active = membership.Current.Active;
        IEnumerable<string> targets = active.Except(draining).Any() ? active.Except(draining) : active;
        foreach (string silo in Replication.Primary.ReplicaPlacement.Rank(shard, targets))
        {
            CopyPoll made = await silos.At(SiloAddress.FromParsableString(silo)).MakeEmptyCopyAsync(shard, plan.Epoch - 1);
            if (made.Exists)
                return new CopyName(made.Silo, made.CopyId);
        }

        return null;
    }

    private async Task<(LossPlan Plan, StoredRecord Stored)> DecideLossAsync(int shard)
    {
        StoredRecord stored = await records.ReadAsync(shard) ?? throw new InvalidOperationException($"Shard {shard} has no record in the record storage. Restore the storage; there is nothing that could be gone on from.");
        SiloMembership.View view = membership.Current;
        Dictionary<string, PolledCopy?> answers = [];
        CopyPoll?[] polled = await Task.WhenAll(view.Alive.Select(silo => polls.AskAsync(shard, silo, AnswerTime)));
        foreach ((string silo, CopyPoll? poll) in view.Alive.Zip(polled))
        {
            if (poll is { } answer)
                answers[silo] = answer.Exists ? answer.ToPolled() : null;
        }

        return (LossPlan.Decide(stored.Record, answers, view.Alive), stored);
    }

    /// <inheritdoc/>
    public async Task<string?> ReleaseShardAsync(int shard)
    {
        CheckShard(shard);
        return await GrainFactory.GetGrain<IShardReplicationGrain>(shard).PinAsync(null);
    }

    /// <summary>
    /// Where the replicas are to be beside the one that the primary moves to: where they were wanted when the move began (one of them may be silent at this moment),
    /// or else where they are in sync.
    /// </summary>
    private string[] OthersOf(ShardStatus status, string silo) =>
        [.. (status.Wanted ?? status.InSync).Where(other => other != status.Primary && other != silo && membership.Current.Alive.Contains(other)).OrderByDescending(status.InSync.Contains).Take(settings.Current.Replicas)];

    /// <summary>Tells the primary where it is now which replicas to keep, unless it knows, and that it stays there.</summary>
    private async Task<MoveProgress> SettleAsync(IShardReplicationGrain grain, string silo, IReadOnlyList<string>? known, string[] others)
    {
        string? problem = known is null ? await grain.WantAsync([.. others.Take(settings.Current.Replicas)], byOperator: true).AsTask().WaitAsync(StepTime) : null;
        problem ??= await grain.PinAsync(silo).AsTask().WaitAsync(StepTime);
        return new MoveProgress(problem is null, null, problem ?? "done");
    }

    private string? UnknownSilo(string silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        return membership.Current.Alive.Contains(silo) ? null : $"there is no silo {silo}; the silos are {string.Join(", ", membership.Current.Alive)}";
    }

    private static MoveProgress Stuck(string problem) => new(false, problem, "");

    private static string PhaseOf(ShardStatus status, string silo)
    {
        CopyStatus? copy = status.Copies.FirstOrDefault(copy => copy.Silo == silo);
        LinkStatus? link = status.Links.FirstOrDefault(link => link.Silo == silo);
        return (copy, link) switch
        {
            ({ LoadedEntries: > 0 }, _) => $"a copy is being made: {copy!.LoadedEntries} entries so far",
            (_, { Phase: "Waiting" or "Leaving" }) => "a copy is about to be made",
            (_, { Phase: "Online" }) => "the copy catches up",
            _ => "a copy is asked for",
        };
    }

    private static LossReport Report(LossPlan plan, int shard) => new()
    {
        Shard = shard,
        Obstacle = plan.Obstacle,
        LostSilos = [.. plan.Lost.Select(copy => copy.Silo)],
        Silo = plan.Best?.Name.Silo ?? "",
        Empty = plan.Best is null,
        Epoch = plan.Best?.Position.Epoch ?? 0,
        Offset = plan.Best?.Position.Offset ?? 0,
        Entries = plan.Best?.Entries ?? 0,
        Unapplied = plan.Best?.Unapplied ?? 0,
        RecordedEpoch = plan.Epoch - 1,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Shard {Shard}: an operator has accepted its loss: it goes on with {Copy} in lineage {Lineage}; before it was {Before}")]
    private partial void LogLossAccepted(int shard, CopyName copy, Guid lineage, ShardRecord before);

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard} is not served yet: {Problem}")]
    private partial void LogNotServedYet(int shard, string problem);
}

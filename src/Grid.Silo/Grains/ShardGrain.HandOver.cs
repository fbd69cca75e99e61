using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Records;
using Grid.Replication.Takeover;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Grains;

/// <content>The planned end of a reign.</content>
internal sealed partial class ShardGrain
{
    private TaskCompletionSource<string?>? _handOver;
    private long _handOverSince;

    /// <inheritdoc/>
    public async ValueTask<string?> HandOverAsync(string silo)
    {
        if (await WaitForReignAsync() is { } problem)
            return problem;
        if (silo == membership.Local)
            return null;
        if (_handOver is { Task.IsCompleted: false })
            return $"Shard {_shard} is being handed over already.";
        TaskCompletionSource<string?> outcome = _handOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _handOverSince = Stopwatch.GetTimestamp();
        string? obstacle = $"The reign over shard {_shard} has just ended.";
        Run((primary, receiver, now) => obstacle = primary.HandOver(receiver, now), silo, flush: true);
        if (obstacle is not null)
            outcome.TrySetResult(obstacle);
        return await outcome.Task;
    }

    void Grid.Replication.Primary.IPrimaryOutput.EndHandOver(CopyName receiver, bool surrendered, string details)
    {
        if (surrendered)
        {
            _hosted!.Surrendered = new SurrenderedReign(_primary!.Epoch, receiver);
            keeper.Wake(_shard);
        }

        takeovers.OnHandOver(surrendered, _handOverSince);
        if (!surrendered)
            events.Add(EventKind.HandOver, EventSeverity.Warning, _shard, _primary?.Epoch ?? 0, $"the hand-over failed, the primary stays: {details}", receiver.Silo);
        LogHandOver(_shard, _primary?.Epoch ?? 0, receiver, surrendered, details);
        _handOver?.TrySetResult(surrendered ? null : details);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: epoch {Epoch}: hand-over to {Receiver}, surrendered: {Surrendered}: {Details}")]
    private partial void LogHandOver(int shard, long epoch, CopyName receiver, bool surrendered, string details);
}

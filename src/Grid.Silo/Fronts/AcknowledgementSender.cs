using System.Collections.Concurrent;
using Grid.Silo.Grains;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Fronts;

/// <summary>
/// Carries the replicas' acknowledgements to the silos of their primaries: one call per pair of silos under way, and what comes
/// meanwhile, the newest of each shard, goes with the next.
/// </summary>
/// <remarks>Thread-safe. An acknowledgement may be lost: the next one of its shard makes good for it.</remarks>
internal sealed partial class AcknowledgementSender(
    ReignMap reigns,
    IGridSiloServiceClient silos,
    SiloMembership membership,
    IGrainFactory grains,
    ILogger<AcknowledgementSender> logger)
{
    private readonly ConcurrentDictionary<string, Line> _lines = new(StringComparer.Ordinal);

    /// <summary>Sends an acknowledgement, now or with the next call.</summary>
    public void Send(in AcknowledgeCall acknowledgement)
    {
        if (reigns.SiloOf(acknowledgement.Shard) is { } silo && silo != membership.Local)
            _lines.GetOrAdd(silo, static (silo, sender) => new Line(sender, silo), this).Add(acknowledgement);
        else
            _ = grains.GetGrain<IShardReplicationGrain>(acknowledgement.Shard).AcknowledgeAsync(acknowledgement);
    }

    private void OnNotTaken(string silo, Exception failure)
    {
        LogNotTaken(silo, failure.Message);
        if (!membership.Current.Alive.Contains(silo))
            _lines.TryRemove(silo, out _);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Silo} took no acknowledgements: {Reason}")]
    private partial void LogNotTaken(string silo, string reason);

    /// <summary>What is under way to one silo, and what waits.</summary>
    private sealed class Line(AcknowledgementSender sender, string silo) : IThreadPoolWorkItem
    {
        private readonly Lock _gate = new();
        private readonly IGridSiloService _service = sender.Service(silo);
        private readonly Dictionary<int, AcknowledgeCall> _waiting = [];
        private bool _sending;

        public void Add(in AcknowledgeCall acknowledgement)
        {
            lock (_gate)
            {
                _waiting[acknowledgement.Shard] = acknowledgement;
                if (_sending)
                    return;
                _sending = true;
            }

            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        void IThreadPoolWorkItem.Execute() => _ = SendAsync();

        private async Task SendAsync()
        {
            while (Take() is { } batch)
            {
                try
                {
                    await _service.AcknowledgeAsync(batch).ConfigureAwait(false);
                }
                catch (Exception failure)
                {
                    sender.OnNotTaken(silo, failure);
                }
            }
        }

        private AcknowledgeCall[]? Take()
        {
            lock (_gate)
            {
                if (_waiting.Count == 0)
                {
                    _sending = false;
                    return null;
                }

                AcknowledgeCall[] batch = [.. _waiting.Values];
                _waiting.Clear();
                return batch;
            }
        }
    }

    private IGridSiloService Service(string silo) => silos.At(SiloAddress.FromParsableString(silo));
}

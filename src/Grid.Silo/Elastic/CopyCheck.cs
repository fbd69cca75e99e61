using Grid.Silo.Copies;
using Grid.Silo.Grains;
using Grid.Silo.Placement;
using Grid.Silo.Records;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Elastic;

/// <summary>
/// Compares from time to time what this silo's copies are with what they should be. A primary that the record does not name any more learns it.
/// A copy on which nobody works asks the shard's primary whether it is wanted: it follows, or is deleted, on the primary's word alone.
/// </summary>
internal sealed partial class CopyCheck(
    CopyHost host,
    ShardRecordStore records,
    SiloMembership membership,
    IGrainFactory grains,
    ILogger<CopyCheck> logger) : SiloLoop
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(3);

    /// <summary>Every how many looks the records are read also when the cluster has not changed.</summary>
    private const int RecordPeriods = 10;

    private HashSet<HostedCopy> _idle = [];
    private MembershipVersion _membershipSeen;
    private int _looks;

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    protected override async Task RunAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(Period);
        while (await timer.WaitForNextTickAsync(stopping))
            await LookAsync(stopping);
    }

    private async Task LookAsync(CancellationToken stopping)
    {
        MembershipVersion version = membership.Current.Version;
        if (version != _membershipSeen || ++_looks % RecordPeriods == 0)
        {
            _membershipSeen = version;
            foreach (HostedCopy hosted in host.All.Where(static copy => copy.Primary is { IsDown: false }))
                await CheckReignAsync(hosted);
        }

        // Twice in a row: a copy that is about to be taken over has nobody for a moment.
        HostedCopy[] idle = [.. host.All.Where(static copy => copy.Primary is null && copy.Replica is null)];
        foreach (HostedCopy hosted in idle.Where(_idle.Contains))
            await OfferAsync(hosted, stopping);
        _idle = [.. idle];
    }

    private async Task CheckReignAsync(HostedCopy hosted)
    {
        try
        {
            if (await records.ReadAsync(hosted.Shard) is { } stored)
                hosted.Use(copy =>
                {
                    copy.Observe(stored.Record.Epoch, stored.Record.Version);
                    return true;
                });
        }
        catch (Exception failure)
        {
            LogNotRead(failure, hosted.Shard);
        }
    }

    private async Task OfferAsync(HostedCopy hosted, CancellationToken stopping)
    {
        LogOffers(hosted.Shard);
        try
        {
            await grains.GetGrain<IReplicaGrain>(SiloBoundKey.ForReplica(hosted.Shard, host.Silo)).FollowAsync(hosted.Use(static copy => copy.EpochSeen), endedAttach: 0);
        }
        catch (Exception failure) when (!stopping.IsCancellationRequested)
        {
            LogNotOffered(failure, hosted.Shard);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Shard {Shard}: nobody works on this silo's copy; the primary is asked whether it is wanted")]
    private partial void LogOffers(int shard);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: the primary was not asked; it will be")]
    private partial void LogNotOffered(Exception failure, int shard);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shard {Shard}: the record could not be read; it is compared later")]
    private partial void LogNotRead(Exception failure, int shard);
}

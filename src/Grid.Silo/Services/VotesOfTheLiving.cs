using Microsoft.Extensions.DependencyInjection;

namespace Grid.Silo.Services;

/// <summary>
/// A membership table in which only the votes of active silos count. Orleans lets a majority of the active silos declare one dead, but keeps the votes
/// of those that were declared dead themselves: in a cluster that is cut in two, the last silo of the smaller side could take one of the larger side with
/// it, and two equal sides each other. Without those votes the side that declares first is the majority from then on.
/// </summary>
/// <remarks>
/// The table's version makes the decision atomic: who declares a silo dead has counted in the version that it replaces. Thread-safe, as the table is.
/// </remarks>
internal sealed class VotesOfTheLiving(IMembershipTable table) : IMembershipTable
{
    /// <summary>Puts this around the membership table that is registered so far.</summary>
    /// <returns>False if none is.</returns>
    public static bool AddTo(IServiceCollection services)
    {
        for (int i = services.Count - 1; i >= 0; i--)
        {
            ServiceDescriptor registered = services[i];
            if (registered.ServiceType != typeof(IMembershipTable) || registered.IsKeyedService)
                continue;
            services[i] = ServiceDescriptor.Singleton<IMembershipTable>(provider => new VotesOfTheLiving(Resolve(registered, provider)));
            return true;
        }

        return false;
    }

    /// <summary>What counts in a table.</summary>
    public static MembershipTableData Count(MembershipTableData read)
    {
        HashSet<SiloAddress> living = [.. read.Members.Where(static member => member.Item1.Status == SiloStatus.Active).Select(static member => member.Item1.SiloAddress)];
        return read.Members.All(member => AllCount(member.Item1))
            ? read
            : new MembershipTableData([.. read.Members.Select(member => AllCount(member.Item1) ? member : Tuple.Create(WithoutOthers(member.Item1), member.Item2))], read.Version);

        // What led to a death stays on record.
        bool AllCount(MembershipEntry entry) => entry.Status == SiloStatus.Dead || (entry.SuspectTimes?.TrueForAll(vote => living.Contains(vote.Item1)) ?? true);

        MembershipEntry WithoutOthers(MembershipEntry entry) => new()
        {
            SiloAddress = entry.SiloAddress,
            Status = entry.Status,
            SuspectTimes = entry.SuspectTimes!.FindAll(vote => living.Contains(vote.Item1)),
            ProxyPort = entry.ProxyPort,
            HostName = entry.HostName,
            SiloName = entry.SiloName,
            RoleName = entry.RoleName,
            UpdateZone = entry.UpdateZone,
            FaultZone = entry.FaultZone,
            StartTime = entry.StartTime,
            IAmAliveTime = entry.IAmAliveTime,
        };
    }

    public async Task<MembershipTableData> ReadAllAsync(CancellationToken cancellationToken) => Count(await table.ReadAllAsync(cancellationToken).ConfigureAwait(false));

    /// <summary>Of one row alone nobody can tell who lives; it is asked for to be changed, not to be counted.</summary>
    public Task<MembershipTableData> ReadRowAsync(SiloAddress key, CancellationToken cancellationToken) => table.ReadRowAsync(key, cancellationToken);

    public Task InitializeMembershipTableAsync(bool tryInitTableVersion, CancellationToken cancellationToken) =>
        table.InitializeMembershipTableAsync(tryInitTableVersion, cancellationToken);

    public Task DeleteMembershipTableEntriesAsync(string clusterId, CancellationToken cancellationToken) => table.DeleteMembershipTableEntriesAsync(clusterId, cancellationToken);

    public Task CleanupDefunctSiloEntriesAsync(DateTimeOffset beforeDate, CancellationToken cancellationToken) => table.CleanupDefunctSiloEntriesAsync(beforeDate, cancellationToken);

    public Task<bool> InsertRowAsync(MembershipEntry entry, TableVersion tableVersion, CancellationToken cancellationToken) =>
        table.InsertRowAsync(entry, tableVersion, cancellationToken);

    public Task<bool> UpdateRowAsync(MembershipEntry entry, string etag, TableVersion tableVersion, CancellationToken cancellationToken) =>
        table.UpdateRowAsync(entry, etag, tableVersion, cancellationToken);

    public Task UpdateIAmAliveAsync(MembershipEntry entry, CancellationToken cancellationToken) => table.UpdateIAmAliveAsync(entry, cancellationToken);

    Task<MembershipTableData> IMembershipTable.ReadAll() => ReadAllAsync(CancellationToken.None);

    Task<MembershipTableData> IMembershipTable.ReadRow(SiloAddress key) => ReadRowAsync(key, CancellationToken.None);

    Task IMembershipTable.InitializeMembershipTable(bool tryInitTableVersion) => InitializeMembershipTableAsync(tryInitTableVersion, CancellationToken.None);

    Task IMembershipTable.DeleteMembershipTableEntries(string clusterId) => DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);

    Task IMembershipTable.CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);

    Task<bool> IMembershipTable.InsertRow(MembershipEntry entry, TableVersion tableVersion) => InsertRowAsync(entry, tableVersion, CancellationToken.None);

    Task<bool> IMembershipTable.UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None);

    Task IMembershipTable.UpdateIAmAlive(MembershipEntry entry) => UpdateIAmAliveAsync(entry, CancellationToken.None);

    private static IMembershipTable Resolve(ServiceDescriptor registered, IServiceProvider provider) => (IMembershipTable)(
        registered.ImplementationInstance
        ?? registered.ImplementationFactory?.Invoke(provider)
        ?? ActivatorUtilities.CreateInstance(provider, registered.ImplementationType!));
}

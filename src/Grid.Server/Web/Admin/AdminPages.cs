using Grid.Client.Contracts.Operator;
using Grid.Server.Configuration;
using Grid.Silo;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Grid.Server.Web.Admin;

/// <summary>The admin page: its files, what it shows, what can be done there.</summary>
internal static class AdminPages
{
    public static void Map(WebApplication web, IServiceProvider silo)
    {
        ServerSettings settings = silo.GetRequiredService<ServerSettings>();
        GridHealth health = silo.GetRequiredService<GridHealth>();
        AdminToken token = new(settings.Admin.Token, TimeProvider.System);
        AdminApi api = new(settings, () => health.IsStarted ? silo.GetRequiredService<IGrainFactory>().GetGrain<IGridOperatorGrain>(0) : null, token, TimeProvider.System);
        web.Lifetime.ApplicationStopped.Register(api.Dispose);
        web.Use(static (context, next) =>
        {
            if (context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal))
            {
                context.Response.Headers.CacheControl = "no-store";
                context.Response.Headers.XContentTypeOptions = "nosniff";
            }

            return next(context);
        });
        AdminAssets.Map(web);
        api.Map(web);
        new AdminActions(api, token, silo.GetRequiredService<ILogger<AdminActions>>()).Map(web);
    }
}
